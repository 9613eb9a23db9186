import type { NetworkName } from "@lode/bitcoin";
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

/** Characters of a worker name. */
export const MAX_WORKER_LENGTH = 32;

/** The strings OpenMiningChannel.Error carries. */
export type IdentityErrorType =
  | { code: "unknown-user" /** no address at all, such as a pool login */ }
  | { code: "invalid-user-identity" /** an address that cannot be paid here */; reason: string };
/** Thrown by {@link parseIdentity}. */
export class IdentityError extends CodedError<IdentityErrorType> {}

/** Reads `address[.worker]`. @throws IdentityError */
export function parseIdentity(_userIdentity: string, _network: NetworkName): Identity {
  throw new Error("not yet");
}

/** A worker name fit for labels, logs and records. */
export function cleanWorker(_text: string): string {
  throw new Error("not yet");
}
