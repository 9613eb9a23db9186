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

/** Targets kept at a time: those of whole difficulties that a farm's machines have, many times over. */
const MAX_KNOWN = 4_096;
/** By the target as a float: of a bigint V8 hashes the lowest 64 bits, which a client can choose. */
const known = new Map<number, BoundTarget>();

/**
 * The same object for the same target, as a rule: thousands of channels have few targets between them, and one of its own
 * would take a channel more memory than its jobs do.
 *
 * @param target 1 … 2^256 − 1
 */
export function bindTarget(target: bigint): BoundTarget {
  const key = Number(target);
  let bound = known.get(key);
  if (bound?.target !== target) {
    if (known.size >= MAX_KNOWN) known.clear();
    const work = workOfTarget(target);
    bound = { target, bytes: targetToBytes(target), work, expectedHashes: Number(work) };
    known.set(key, bound);
  }
  return bound;
}
