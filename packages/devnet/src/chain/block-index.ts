import { type BlockHeader, targetFromNbits, workOfTarget } from "@lode/bitcoin";
import type { BlockLocation } from "./block-store.ts";

/** A block the chain knows. */
export interface BlockEntry {
  /** Displayed hash. */
  readonly hash: string;
  readonly height: number;
  /** Undefined for block 0. */
  readonly parent: BlockEntry | undefined;
  readonly header: BlockHeader;
  /** Expected hashes from block 0 to here. */
  readonly chainWork: bigint;
  /** Median time of this block and its ten ancestors, seconds: the next block must be later (BIP113). */
  readonly medianTimePast: number;
  readonly transactionCount: number;
  /** Undefined for block 0 and for a block that was refused and not kept. */
  readonly location: BlockLocation | undefined;
  /** It or an ancestor was found invalid while it was connected. */
  invalid: boolean;
}

/** Builds the entry of a block on top of `parent`. */
export function blockEntry(
  hash: string,
  header: BlockHeader,
  parent: BlockEntry | undefined,
  block: { transactionCount: number; location: BlockLocation | undefined },
): BlockEntry {
  const times = [header.ntime];
  for (let ancestor = parent; ancestor !== undefined && times.length < 11; ancestor = ancestor.parent) {
    times.push(ancestor.header.ntime);
  }
  times.sort((a, b) => a - b);
  return {
    ...block,
    hash,
    header,
    parent,
    height: parent === undefined ? 0 : parent.height + 1,
    chainWork: (parent?.chainWork ?? 0n) + workOfTarget(targetFromNbits(header.nbits)),
    medianTimePast: times[times.length >> 1] as number,
    invalid: false,
  };
}
