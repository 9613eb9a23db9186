import {
  networkNames,
  parseAddress,
  parseHeader,
  readCompactSize,
  stripCoinbaseWitness,
} from "@lode/bitcoin";
import { decodeShares, encodeShares, parseDatabaseUrl } from "@lode/ledger";
import { parseIdentity } from "@lode/mining";
import { CodedError } from "@lode/ports";
import {
  allMessages,
  decodePayload,
  decodeTlvs,
  decodeUserIdentity,
  describeFrame,
  formatFrame,
  parseFrameHeader,
} from "@lode/protocol";
import { parseBlockTemplate } from "@lode/template-provider";
import type { Prng } from "@lode/testing/random";
import {
  decodeAuthorityPublicKey,
  decodeAuthoritySecretKey,
  encodeAuthorityPublicKey,
  encodeAuthoritySecretKey,
  keypairFromSecret,
  parseEndpointUrl,
  parseProxyHeader,
} from "@lode/transport";
import proxyHeaders from "../../packages/transport/vectors/proxy-protocol.json" with { type: "json" };
import { mutate, randomBytes } from "./mutate.ts";

/** Something that reads what a stranger sent. */
export interface Target {
  readonly name: string;
  /** Anything thrown but a {@link CodedError} is a bug. */
  readonly read: (bytes: Uint8Array) => void;
  /** Valid inputs, to be mutated. */
  readonly samples: readonly Uint8Array[];
}

/** A decoder that did not fail as it should. */
export interface Crash {
  readonly target: string;
  readonly input: Uint8Array;
  readonly error: unknown;
}

const text = new TextEncoder();
const asText = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8");
const KEYS = keypairFromSecret(new Uint8Array(32).fill(7));
const ADDRESSES = [
  "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
  "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
  "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
  "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
];
const TEMPLATE = {
  version: 0x2000_0000,
  height: 7,
  rules: ["csv", "!segwit", "taproot"],
  previousblockhash: "00".repeat(32),
  transactions: [
    { data: "00", txid: "11".repeat(32), hash: "22".repeat(32), fee: 5, weight: 400, sigops: 1 },
  ],
  coinbasevalue: 5_000_000_000,
  bits: "207fffff",
  curtime: 1_700_000_000,
  mintime: 1_600_000_000,
  default_witness_commitment: `6a24aa21a9ed${"00".repeat(32)}`,
  weightlimit: 4_000_000,
  sigoplimit: 80_000,
  longpollid: "x",
};

/** Every decoder of the product. `frames` are valid ones. */
export function decoders(frames: readonly Uint8Array[]): readonly Target[] {
  const payloads = frames.map((frame) => frame.subarray(6));
  const ofMessages = allMessages.map((definition) => ({
    name: definition.name,
    read: (bytes: Uint8Array) => void decodePayload(definition, bytes),
    samples: payloads,
  }));
  const shares = encodeShares(
    [1, 2, 3].map((sequenceNumber) => ({
      connectionId: 1,
      channelId: 2,
      sequenceNumber,
      payoutScript: Uint8Array.of(0, 20, ...new Uint8Array(20)),
      worker: `rig${sequenceNumber % 2}`,
      feeClass: 0,
      job: {
        kind: "pool",
        prevHash: new Uint8Array(32).fill(1),
        height: 900_000,
        nbits: 0x1702_3456,
        value: 312_500_000n,
        referenceValue: 312_500_000n,
        templateFees: 1n,
      },
      work: 1n << 70n,
      creditedWork: (1n << 70n) - BigInt(sequenceNumber % 2),
      receivedAt: 1_764_500_000_000 + sequenceNumber,
      blockHash: sequenceNumber === 2 ? new Uint8Array(32) : null,
    })),
  );
  const endpoint = `stratum2+tcp://pool.example:3333/${encodeAuthorityPublicKey(KEYS.publicKey)}`;
  return [
    ...ofMessages,
    { name: "tlvs", read: (bytes) => void decodeTlvs(bytes), samples: payloads },
    { name: "user-identity-tlv", read: (bytes) => void decodeUserIdentity(bytes), samples: payloads },
    { name: "frame-header", read: (bytes) => void parseFrameHeader(bytes), samples: frames },
    { name: "describe-frame", read: (bytes) => void formatFrame(describeFrame(bytes)), samples: frames },
    { name: "share-batch", read: readShareBatch, samples: [shares] },
    { name: "block-template", read: readTemplate, samples: [text.encode(JSON.stringify(TEMPLATE))] },
    textTarget("endpoint-url", parseEndpointUrl, [endpoint]),
    textTarget("public-key", decodeAuthorityPublicKey, [encodeAuthorityPublicKey(KEYS.publicKey)]),
    textTarget("secret-key", decodeAuthoritySecretKey, [encodeAuthoritySecretKey(KEYS.secretKey)]),
    textTarget(
      "address",
      (value) => networkNames.map((network) => read(() => parseAddress(value, network))),
      ADDRESSES,
    ),
    textTarget(
      "identity",
      (value) => parseIdentity(value, "regtest"),
      ADDRESSES.map((address) => `${address}.rig`),
    ),
    textTarget("database-url", parseDatabaseUrl, ["postgres://u:p%41@[::1]:5432/db?sslmode=require"]),
    {
      name: "proxy-header",
      read: (bytes) => void parseProxyHeader(bytes),
      samples: [...proxyHeaders.headers, ...proxyHeaders.rejected].map(({ hex }) => Buffer.from(hex, "hex")),
    },
    { name: "compact-size", read: (bytes) => void readCompactSize(bytes), samples: payloads },
    { name: "block-header", read: (bytes) => void parseHeader(bytes), samples: [new Uint8Array(80)] },
    { name: "coinbase", read: (bytes) => void stripCoinbaseWitness(bytes), samples: payloads },
  ];
}

/** The next input of a target: two in three mutated from a valid one. */
export function nextInput(prng: Prng, { samples, name }: Target): Uint8Array {
  if (name === "block-template" && prng.chance(0.8)) return oddTemplate(prng);
  return prng.chance(2 / 3) ? mutate(prng, prng.pick(samples)) : randomBytes(prng);
}

/** Hands an input to a decoder. @returns what is wrong, undefined when it was read or refused as it should be */
export function tryDecoder({ name, read: decode }: Target, input: Uint8Array): Crash | undefined {
  try {
    decode(input);
  } catch (error) {
    if (!(error instanceof CodedError)) return { target: name, input, error };
  }
  return undefined;
}

function textTarget(name: string, parse: (value: string) => unknown, samples: readonly string[]): Target {
  return {
    name,
    read: (bytes) => void parse(asText(bytes)),
    samples: samples.map((sample) => text.encode(sample)),
  };
}

/** Goes on behind a typed error. */
function read(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
  }
}

/** What is accepted must be what the encoder writes; layout 1 is only read. */
function readShareBatch(bytes: Uint8Array): void {
  const records = decodeShares(bytes);
  if (bytes[3] === 2 && Buffer.compare(encodeShares(records), bytes) !== 0) {
    throw new Error("a share batch was read that encodes to other bytes");
  }
}

/** Bytes that are no JSON never reach the parser. */
function readTemplate(bytes: Uint8Array): void {
  let answer: unknown;
  try {
    answer = JSON.parse(asText(bytes));
  } catch {
    return;
  }
  parseBlockTemplate(answer);
}

/** A template with one field of another type, range or length. */
function oddTemplate(prng: Prng): Uint8Array {
  const odd = [
    null,
    -1,
    1.5,
    1e300,
    "",
    "zz",
    "00",
    "f".repeat(63),
    [],
    [null],
    {},
    [[]],
    true,
    [{}],
    "__proto__",
  ];
  const transaction: Record<string, unknown> = structuredClone(TEMPLATE.transactions[0]!);
  const template: Record<string, unknown> & { transactions: unknown } = structuredClone(TEMPLATE);
  const owner = prng.chance(0.5) ? template : transaction;
  owner[prng.pick(Object.keys(owner))] = prng.pick(odd);
  if (owner === transaction) template.transactions = [transaction];
  return text.encode(JSON.stringify(template));
}
