import { AddressError, type NetworkName, parseAddress } from "@lode/bitcoin";
import { CodedError } from "@lode/ports";

/** Who is paid for a share, and which of their machines found it. */
export interface Identity {
  /** Output script; the account's key. */
  readonly payoutScript: Uint8Array;
  /** Canonical address. */
  readonly address: string;
  /** Cleaned name, at most {@link MAX_WORKER_LENGTH} characters; empty when none was given. For statistics only. */
  readonly worker: string;
  /** Name of the operator's account that was given in place of an address. For display only. */
  readonly account?: string;
  /** Set: blocks of this user pay the user alone, less a fee or {@link donationPercent}. Missing: they are the pool's. */
  readonly solo?: true;
  /** What the pool gets, of the block in solo, else of the user's part: 1 … 99, or 100 for all. Missing: nothing. */
  readonly donationPercent?: number;
}

/** Characters (ASCII, so bytes) of a worker name. */
export const MAX_WORKER_LENGTH = 64;

/** Why nobody can be paid; the codes are strings of OpenMiningChannel.Error. */
export type IdentityErrorType =
  /** Nothing that was ever meant as an address, such as a login of another pool. */
  | { code: "unknown-user" }
  /** An address with a typing error, of another network, or that cannot be paid. */
  | { code: "invalid-user-identity"; reason: AddressError["type"]["code"] | "invalid-payout-mode" };
/** Thrown by {@link parseIdentity}. The message says in words what is wrong. */
export class IdentityError extends CodedError<IdentityErrorType> {
  /** What is wrong with an address. */
  static ofAddress(error: AddressError): IdentityError {
    return new IdentityError({ code: "invalid-user-identity", reason: error.code }, explanation(error.type), {
      cause: error,
    });
  }
}

/**
 * Reads `address[.worker]` (user_identity, SV2 5.3.2). Every address of the network that can be paid is one: P2PKH, P2SH,
 * P2WPKH, P2WSH and P2TR. Witness versions above 1 are refused: until a soft fork gives them a meaning anyone could take such
 * an output (BIP141).
 *
 * @throws IdentityError
 */
export function parseIdentity(userIdentity: string, network: NetworkName): Identity {
  const { name, worker } = splitIdentity(userIdentity);
  if (!LOOKS_LIKE_AN_ADDRESS.test(name)) {
    const message = name.length > LONGEST_ADDRESS ? "not an address: longer than any" : "not an address";
    throw new IdentityError({ code: "unknown-user" }, message);
  }
  try {
    const { script, address } = parseAddress(name, network);
    return { payoutScript: script, address, worker };
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw IdentityError.ofAddress(error);
  }
}

/**
 * The first `.` or `_` ends the name, which has neither; everything behind it is the worker, so the suffixes that proxies
 * append stay with it. Blanks around it are ignored.
 */
export function splitIdentity(userIdentity: string): { name: string; worker: string } {
  const text = userIdentity.trim();
  const end = text.search(/[._]/);
  if (end < 0) return { name: text, worker: "" };
  return { name: text.slice(0, end), worker: cleanWorker(text.slice(end + 1)) };
}

/** A worker name fit for labels, logs and records: letters, digits, `.`, `_` and `-`; anything else becomes `_`. */
export function cleanWorker(text: string): string {
  return text
    .trim()
    .slice(0, MAX_WORKER_LENGTH)
    .replace(/[^A-Za-z0-9._-]/g, "_");
}

/**
 * The alphabets of base58 and bech32 and the lengths of addresses; whether it is one is `parseAddress`'s to say. Segwit programs
 * may be as short as 2 bytes, such as P2A's.
 */
const LOOKS_LIKE_AN_ADDRESS = /^(?:[0-9A-Za-z]{25,90}|(?:bc|tb|bcrt)1[0-9A-Za-z]{8,22})$/i;
const LONGEST_ADDRESS = 90;

function explanation(type: AddressError["type"]): string {
  if (type.code === "wrong-network") {
    const theirs = type.actual.length === 0 ? "a network unknown here" : type.actual.join(", ");
    return `an address of ${theirs}; this pool mines on ${type.expected}`;
  }
  return type.reason === "checksum"
    ? "not an address: its checksum is wrong"
    : "an address that nobody, or anybody, could spend from: its witness version, length or key is of no known kind";
}
