import { CodedError } from "@lode/ports";
import type { InternalHash } from "./hashes.ts";
import { sha256d } from "./sha256d.ts";

/** Bytes of a block header. */
export const BLOCK_HEADER_SIZE = 80;

/** A block header's fields. Integers are u32, hashes internal order. */
export interface BlockHeader {
  /** As u32: never negative here. */
  version: number;
  prevHash: InternalHash;
  merkleRoot: InternalHash;
  /** Seconds since the Unix epoch. */
  ntime: number;
  nbits: number;
  nonce: number;
}

/** Bytes that are no header, or a field of a wrong size. */
export type HeaderErrorType = { code: "invalid-header-length" | "invalid-header-field"; length: number };
/** Thrown by {@link serializeHeader} and {@link parseHeader}. */
export class HeaderError extends CodedError<HeaderErrorType> {}

/**
 * The 80 bytes that are hashed.
 *
 * @throws HeaderError `invalid-header-field` when a hash is not 32 bytes
 */
export function serializeHeader(header: BlockHeader): Uint8Array {
  const { prevHash, merkleRoot } = header;
  if (prevHash.length !== 32 || merkleRoot.length !== 32) {
    const length = prevHash.length !== 32 ? prevHash.length : merkleRoot.length;
    throw new HeaderError({ code: "invalid-header-field", length });
  }
  const bytes = new Uint8Array(BLOCK_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, header.version, true);
  bytes.set(prevHash, 4);
  bytes.set(merkleRoot, 36);
  view.setUint32(68, header.ntime, true);
  view.setUint32(72, header.nbits, true);
  view.setUint32(76, header.nonce, true);
  return bytes;
}

/**
 * Fields of a header; hashes are copies.
 *
 * @throws HeaderError `invalid-header-length` unless `bytes` is 80 bytes
 */
export function parseHeader(bytes: Uint8Array): BlockHeader {
  if (bytes.length !== BLOCK_HEADER_SIZE) {
    throw new HeaderError({ code: "invalid-header-length", length: bytes.length });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, BLOCK_HEADER_SIZE);
  return {
    version: view.getUint32(0, true),
    prevHash: bytes.slice(4, 36),
    merkleRoot: bytes.slice(36, 68),
    ntime: view.getUint32(68, true),
    nbits: view.getUint32(72, true),
    nonce: view.getUint32(76, true),
  };
}

/** Block hash, internal order, of an 80-byte header. */
export function blockHash(header: Uint8Array): InternalHash {
  return sha256d(header);
}
