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
}

/** Characters (ASCII, so bytes) of a worker name. */
export const MAX_WORKER_LENGTH = 64;

/** Why nobody can be paid; the codes are strings of OpenMiningChannel.Error. */
export type IdentityErrorType =
  /** Nothing that was ever meant as an address, such as a login of another pool. */
  | { code: "unknown-user" }
  /** An address with a typing error, of another network, or that cannot be paid. */
  | { code: "invalid-user-identity"; reason: AddressError["type"]["code"] };
/** Thrown by {@link parseIdentity}. */
export class IdentityError extends CodedError<IdentityErrorType> {}

/**
 * Reads `address[.worker]` (user_identity, SV2 5.3.2). The first `.` or `_` ends the address, which has neither; everything
 * behind it is the worker, so the suffixes that proxies append stay with it. Blanks around it are ignored.
 *
 * @throws IdentityError
 */
export function parseIdentity(userIdentity: string, network: NetworkName): Identity {
  const text = userIdentity.trim();
  const end = text.search(/[._]/);
  const name = end < 0 ? text : text.slice(0, end);
  const worker = end < 0 ? "" : cleanWorker(text.slice(end + 1));
  if (!LOOKS_LIKE_AN_ADDRESS.test(name)) throw new IdentityError({ code: "unknown-user" });
  try {
    const { script, address } = parseAddress(name, network);
    return { payoutScript: script, address, worker };
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new IdentityError({ code: "invalid-user-identity", reason: error.code }, error.message, {
      cause: error,
    });
  }
}

/** A worker name fit for labels, logs and records: letters, digits, `.`, `_` and `-`; anything else becomes `_`. */
export function cleanWorker(text: string): string {
  return text
    .trim()
    .slice(0, MAX_WORKER_LENGTH)
    .replace(/[^A-Za-z0-9._-]/g, "_");
}

/** The alphabets of base58 and bech32 and the lengths of addresses; whether it is one is `parseAddress`'s to say. */
const LOOKS_LIKE_AN_ADDRESS = /^[0-9A-Za-z]{25,90}$/;
