import { CodedError } from "@lode/ports";
import { address as codec } from "bitcoinjs-lib";
import { ecc, installEcc } from "./ecc.ts";
import { type NetworkName, networkNames, networks } from "./networks.ts";

/** Why a text is no address one can be paid at. */
export type AddressErrorType =
  | {
      code: "invalid-address";
      /**
       * `checksum`: not decodable as base58check, bech32 or bech32m; `witness-program`: a witness version, program length
       * or taproot key nobody can spend from today.
       */
      reason: "checksum" | "witness-program";
    }
  | { code: "wrong-network"; expected: NetworkName; actual: NetworkName[] };
/** Thrown by {@link parseAddress}. */
export class AddressError extends CodedError<AddressErrorType> {}

/** An address that can be paid. */
export interface ParsedAddress {
  /** Output script. */
  script: Uint8Array;
  /** The address in its one canonical spelling (segwit addresses in lower case). */
  address: string;
}

/** BIP173: a segwit address has at most 90 characters; base58 ones are far shorter. */
const MAX_ADDRESS_LENGTH = 90;

/**
 * Script and canonical text of an address: P2PKH, P2SH, P2WPKH, P2WSH and P2TR. Segwit addresses may come in upper case
 * (BIP173: QR codes). Unknown witness versions are refused: anyone could take such an output.
 *
 * @throws AddressError `invalid-address`, or `wrong-network` for a sound address of another network (`actual` is empty when
 *   it is none of ours)
 */
export function parseAddress(text: string, network: NetworkName): ParsedAddress {
  const decoded = decode(text);
  const actual = networkNames.filter((name) =>
    decoded.kind === "segwit"
      ? networks[name].bech32 === decoded.prefix
      : networks[name].pubKeyHash === decoded.version || networks[name].scriptHash === decoded.version,
  );
  if (!actual.includes(network)) throw new AddressError({ code: "wrong-network", expected: network, actual });
  if (decoded.kind === "segwit") {
    checkProgram(decoded.version, decoded.data);
    return { script: witnessScript(decoded.version, decoded.data), address: text.toLowerCase() };
  }
  const { version, hash } = decoded;
  const script = version === networks[network].pubKeyHash ? keyHashScript(hash) : scriptHashScript(hash);
  return { script, address: text };
}

/** BIP141: the version as OP_0 to OP_16, and a push of the program. */
function witnessScript(version: number, program: Uint8Array): Uint8Array {
  return Uint8Array.of(version === 0 ? 0 : 0x50 + version, program.length, ...program);
}

/** OP_DUP OP_HASH160 ‹hash› OP_EQUALVERIFY OP_CHECKSIG. */
function keyHashScript(hash: Uint8Array): Uint8Array {
  return Uint8Array.of(0x76, 0xa9, hash.length, ...hash, 0x88, 0xac);
}

/** BIP16: OP_HASH160 ‹hash› OP_EQUAL. */
function scriptHashScript(hash: Uint8Array): Uint8Array {
  return Uint8Array.of(0xa9, hash.length, ...hash, 0x87);
}

/** Address of an output script, undefined when it has none. The inverse of {@link parseAddress}. */
export function addressOfScript(script: Uint8Array, network: NetworkName): string | undefined {
  const opcode = script[0] ?? 0;
  // OP_2 … OP_16 start an unknown witness version, which bitcoinjs-lib would write to the console about.
  if (opcode >= 0x52 && opcode <= 0x60) return undefined;
  if (opcode === 0x51) installEcc();
  try {
    const text = codec.fromOutputScript(script, bitcoinjsNetwork(network));
    parseAddress(text, network);
    return text;
  } catch {
    return undefined;
  }
}

type Decoded =
  | { kind: "segwit"; version: number; prefix: string; data: Uint8Array }
  | { kind: "base58"; version: number; hash: Uint8Array };

/** How our networks' segwit addresses begin. An error costs more than a decoding, so the likelier codec goes first. */
const SEGWIT = new RegExp(`^(${networkNames.map((name) => networks[name].bech32).join("|")})1`, "i");

function decode(text: string): Decoded {
  if (text.length > MAX_ADDRESS_LENGTH)
    throw new AddressError({ code: "invalid-address", reason: "checksum" });
  const codecs = SEGWIT.test(text) ? [fromBech32, fromBase58] : [fromBase58, fromBech32];
  for (const decodeWith of codecs) {
    try {
      return decodeWith(text);
    } catch {
      // the other one's, or nobody's
    }
  }
  throw new AddressError({ code: "invalid-address", reason: "checksum" });
}

function fromBech32(text: string): Decoded {
  return { kind: "segwit", ...codec.fromBech32(text) };
}

function fromBase58(text: string): Decoded {
  return { kind: "base58", ...codec.fromBase58Check(text) };
}

/** BIP141 and BIP341: the programs that have a meaning, and the x coordinates that are a key. */
function checkProgram(version: number, program: Uint8Array): void {
  const spendable =
    version === 0
      ? program.length === 20 || program.length === 32
      : version === 1 && program.length === 32 && ecc.isXOnlyPoint(program);
  if (!spendable) throw new AddressError({ code: "invalid-address", reason: "witness-program" });
}

function bitcoinjsNetwork(network: NetworkName) {
  const { bech32, pubKeyHash, scriptHash } = networks[network];
  return { messagePrefix: "", bech32, bip32: { public: 0, private: 0 }, pubKeyHash, scriptHash, wif: 0 };
}
