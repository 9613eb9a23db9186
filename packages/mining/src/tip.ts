import { equalBytes } from "@lode/bitcoin";

/** What a block must build on: the network's side of SetNewPrevHash (SV2 7.3). One object per tip, never changed. */
export interface Tip {
  /** Previous block's hash, 32 bytes, header order. */
  readonly prevHash: Uint8Array;
  /** Smallest ntime the source allows, seconds. */
  readonly headerTimestamp: number;
  /** Compact network target (u32). */
  readonly nbits: number;
  /** Network target. */
  readonly target: bigint;
}

/**
 * Whether miners can go from a job on one to a job on the other without a SetNewPrevHash: prev_hash and nbits agree.
 * Another source may state another timestamp. On test networks nbits changes after twenty minutes without a block.
 */
export function sameTip(a: Tip, b: Tip): boolean {
  return a === b || (a.nbits === b.nbits && samePrevHash(a, b));
}

/** Whether blocks on both have the same parent: shares of one are not stale on the other, and min_ntime must not fall. */
export function samePrevHash(a: Tip, b: Tip): boolean {
  return a.prevHash === b.prevHash || equalBytes(a.prevHash, b.prevHash);
}
