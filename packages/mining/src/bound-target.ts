import { targetToBytes, workOfTarget } from "@lode/bitcoin";

/** A target with everything a share check and an answer need from it, computed once. */
export interface BoundTarget {
  readonly target: bigint;
  /** 32 bytes, little-endian: what the native check compares with and what SetTarget carries. */
  readonly bytes: Uint8Array;
  /** Expected hashes to meet it; what a share is worth. */
  readonly work: bigint;
  /** {@link work} as a float, for statistics. */
  readonly expectedHashes: number;
}

/** @param target 1 … 2^256 − 1 */
export function bindTarget(target: bigint): BoundTarget {
  const work = workOfTarget(target);
  return { target, bytes: targetToBytes(target), work, expectedHashes: Number(work) };
}
