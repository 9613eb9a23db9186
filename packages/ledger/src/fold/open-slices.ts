import { equalBytes } from "@lode/bitcoin";
import type { ShareRecord } from "../share-record.ts";
import { type CreditList, classOfKey } from "../slices/credit-list.ts";
import { CreditCollector } from "./credit-collector.ts";

/** The class of shares on solo jobs. They are counted, earn nothing and fill no window. */
export const SOLO_CLASS = 255;

/** What a share needs for its place in a slice. */
export type FoldShare = Pick<
  ShareRecord,
  "payoutScript" | "feeClass" | "job" | "work" | "creditedWork" | "blockHash"
>;

/** A stored batch on its way into slices. */
export interface FoldBatch {
  readonly shares: readonly FoldShare[];
  /** When it was stored, milliseconds since the epoch by the database's clock. */
  readonly receivedAt: number;
  /** True when its run had been given up before: its shares join the newest slice of their difficulty. */
  readonly late: boolean;
}

/** Numbers that are known for scripts and classes by the time a batch is folded. */
export interface FoldNames {
  account(payoutScript: Uint8Array): number;
  /** The stored fee class of a batch's class. */
  feeClass(feeClass: number): number;
}

/** The block that jobs build on. */
export interface SliceTip {
  /** 32 bytes, internal order. */
  readonly prevHash: Uint8Array;
  /** Height that its jobs would get. */
  readonly height: number;
  /** u32. */
  readonly nbits: number;
}

/** A slice that still takes shares. */
export class OpenSlice {
  readonly tip: SliceTip;
  /** Milliseconds since the epoch, by the database's clock. */
  readonly openedAt: number;
  /** Shares stored from here on go into the next slice. */
  readonly fullAt: number;
  /** It may be sealed when everybody's shares from before are folded. */
  endsAt: number;
  late = false;
  /** Hashes of shares that met the network's target. */
  readonly blocks: Uint8Array[] = [];
  readonly credits: CreditCollector = new CreditCollector();

  constructor(tip: SliceTip, openedAt: number, lastsMs: number) {
    this.tip = tip;
    this.openedAt = openedAt;
    this.fullAt = openedAt + lastsMs;
    this.endsAt = this.fullAt;
  }
}

/** True work that fills windows: all but that on solo jobs. */
export function windowWork(list: CreditList): bigint {
  let work = 0n;
  for (let index = 0; index < list.length; index++) {
    if (classOfKey(list.keys[index]!) !== SOLO_CLASS) work += list.trueWork.get(index);
  }
  return work;
}

/** Tips that are remembered, so that a share of an old one does not look like a new block. */
const REMEMBERED_TIPS = 100;

/**
 * Sorts shares into slices. A slice has one tip and one nbits and lasts a fixed time by the database's clock; shares of
 * several tips that are mined at once stand in several open slices. Only what is stored decides, so the clocks of pool servers
 * do not matter.
 */
export class OpenSlices {
  /** Oldest first; they are sealed in this order. */
  readonly list: OpenSlice[] = [];
  readonly #lastsMs: () => number;
  readonly #tips: Uint8Array[] = [];

  /** @param lastsMs how long a slice that is opened now takes shares, milliseconds */
  constructor(lastsMs: () => number, recentTips: readonly Uint8Array[] = []) {
    this.#lastsMs = lastsMs;
    for (const tip of recentTips) this.#remember(tip);
  }

  /** Sorts a batch in. Shares without a job (layout 1 of batches) are older than every scheme that splits: they are left out. */
  fold(batch: FoldBatch, names: FoldNames): void {
    const sliceOf = new Map<SliceTip, OpenSlice>();
    for (const { job, payoutScript, feeClass, work, creditedWork, blockHash } of batch.shares) {
      if (job === null) continue;
      const slice = sliceOf.get(job) ?? this.#sliceFor(job, batch);
      sliceOf.set(job, slice);
      const isSolo = job.kind === "solo";
      slice.credits.add(
        names.account(payoutScript),
        isSolo ? SOLO_CLASS : names.feeClass(feeClass),
        1,
        work,
        isSolo ? 0n : creditedWork,
      );
      if (blockHash !== null) slice.blocks.push(blockHash);
    }
  }

  /** Puts a slice back that was open when its process ended. */
  restore(slice: OpenSlice): void {
    this.list.push(slice);
    this.#remember(slice.tip.prevHash);
  }

  #sliceFor(tip: SliceTip, { receivedAt, late }: FoldBatch): OpenSlice {
    const newest = this.list.at(-1);
    // Late: any slice of this difficulty is as good for the money. Another difficulty gets a slice of its own.
    const slice =
      late && newest?.tip.nbits === tip.nbits
        ? newest
        : (this.list.find((open) => receivedAt < open.fullAt && isSameTip(open.tip, tip)) ??
          this.#open(tip, receivedAt));
    if (late) slice.late = true;
    return slice;
  }

  #open({ prevHash, height, nbits }: SliceTip, receivedAt: number): OpenSlice {
    if (!this.#tips.some((tip) => equalBytes(tip, prevHash))) {
      // A new block: what is mined on others ends here.
      for (const slice of this.list) slice.endsAt = Math.min(slice.endsAt, receivedAt);
      this.#remember(prevHash);
    }
    const slice = new OpenSlice({ prevHash, height, nbits }, receivedAt, this.#lastsMs());
    this.list.push(slice);
    return slice;
  }

  #remember(tip: Uint8Array): void {
    if (this.#tips.some((known) => equalBytes(known, tip))) return;
    this.#tips.push(tip);
    if (this.#tips.length > REMEMBERED_TIPS) this.#tips.shift();
  }
}

function isSameTip(a: SliceTip, b: SliceTip): boolean {
  return a.nbits === b.nbits && equalBytes(a.prevHash, b.prevHash);
}
