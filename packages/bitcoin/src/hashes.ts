import { CodedError } from "@lode/ports";

/**
 * A 32-byte hash as it stands on the wire, in headers and in transactions: a little-endian integer. Explorers, RPC and
 * logs show the same bytes reversed, as hex.
 */
export type InternalHash = Uint8Array;

/** A hash text that is not 64 hex digits, or a hash that is not 32 bytes. */
export type HashErrorType = { code: "invalid-hash"; length: number };
/** Thrown by the conversions between hash bytes and hash text. */
export class HashError extends CodedError<HashErrorType> {}

/**
 * Hash as people see it: 64 lower-case hex digits, most significant byte first.
 *
 * @throws HashError `invalid-hash` when `hash` is not 32 bytes
 */
export function internalToDisplay(hash: InternalHash): string {
  if (hash.length !== 32) throw new HashError({ code: "invalid-hash", length: hash.length });
  return Buffer.from(hash).reverse().toString("hex");
}

/**
 * Bytes in internal order from a displayed hash; either case of hex.
 *
 * @throws HashError `invalid-hash` unless `text` is 64 hex digits
 */
export function displayToInternal(text: string): InternalHash {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw new HashError({ code: "invalid-hash", length: text.length });
  return new Uint8Array(Buffer.from(text, "hex").reverse());
}
