import type { Logger } from "@lode/ports";
import type { Database } from "../database.ts";
import type { Fence } from "../journal/journal-error.ts";
import { openShareBatch } from "../share-batch.ts";
import { accountOfKey, classOfKey } from "../slices/credit-list.ts";
import {
  byPseudonym,
  type CreditList,
  encodeCredits,
  merkleSumRoot,
  pseudonym,
  type SliceHeader,
  type SliceRow,
  sliceHash,
} from "../slices/index.ts";
import { AccountNames, saltsOf } from "./account-names.ts";
import { type OpenSlice, OpenSlices, windowWork } from "./open-slices.ts";
import type { Policy } from "./policy.ts";
import {
  type FoldCursor,
  type FoldState,
  type RunState,
  type SealedSlice,
  SliceStore,
} from "./slice-store.ts";

/** What a {@link Sequencer} needs. */
export interface SequencerDeps {
  readonly sql: Database;
  readonly logger: Logger;
  /** How long a slice lasts, milliseconds: decides how finely windows can end. */
  readonly sliceMs: () => number;
}

/** Batches that are read and opened at a time. */
const READ_BATCHES = 32;

/** Everything since the last seal; lost without harm when the process ends. */
interface Working {
  readonly durable: FoldState;
  readonly slices: OpenSlices;
  /** Next seq of each run, in memory. */
  readonly cursors: Map<string, FoldCursor>;
}

/**
 * Folds share batches into sealed slices. Durable are only sealed slices, the cursors and what is open behind them, and all
 * three change in one transaction. Whatever fails, memory is thrown away and read again, so a kill at any moment loses and
 * doubles nothing. It never looks for batches by time or id: each run's are taken in the order of their seq, without a gap.
 */
export class Sequencer {
  readonly #deps: SequencerDeps;
  readonly #names: AccountNames;
  readonly store: SliceStore;
  #working: Working | null = null;
  #policy: Policy;

  constructor(deps: SequencerDeps, policy: Policy) {
    this.#deps = deps;
    this.#names = new AccountNames(deps.sql);
    this.store = new SliceStore(deps.sql);
    this.#policy = policy;
  }

  /** Other terms, for slices that are sealed from now on. */
  usePolicy(policy: Policy): void {
    this.#policy = policy;
  }

  /** One round: reads what was stored, seals what has ended, writes checkpoints. Returns how many slices it sealed. */
  async step(fence: Fence): Promise<number> {
    try {
      this.#working ??= await this.#load();
      const working = this.#working;
      const { now, runs } = await this.store.runs();
      const isFolded = new Map<string, boolean>();
      for (const run of runs) isFolded.set(run.run, await this.#foldRun(working, run));
      const ended = endedSlices(working.slices.list, now, runs, isFolded);
      if (ended > 0) await this.#seal(working, ended, now, fence);
      while (await this.store.writeNextCheckpoint((this.#working ?? working).durable.lastSeq)) {
        this.#deps.logger.debug({ seq: this.store.lastCheckpoint }, "slice checkpoint written");
      }
      return ended;
    } catch (error) {
      // What became of a commit may be unknown: only the database knows where we are.
      this.#working = null;
      throw error;
    }
  }

  async #load(): Promise<Working> {
    const durable = await this.store.load();
    const slices = new OpenSlices(this.#deps.sliceMs, durable.recentTips);
    for (const slice of durable.open) slices.restore(slice);
    return { durable, slices, cursors: new Map(durable.cursors) };
  }

  /** Folds all that a run had stored at the moment of `run`; true when nothing is missing. */
  async #foldRun(working: Working, run: RunState): Promise<boolean> {
    let cursor = working.cursors.get(run.run) ?? { nextSeq: 0, closed: false };
    if (run.isLost && !cursor.closed) {
      cursor = { ...cursor, closed: true };
      working.cursors.set(run.run, cursor);
      this.#deps.logger.warn(
        { run: run.run, next_seq: cursor.nextSeq },
        "a run's lease has run out: it is given up",
      );
    }
    while (cursor.nextSeq <= run.lastSeq) {
      const limit = Math.min(READ_BATCHES, run.lastSeq + 1 - cursor.nextSeq);
      const batches = await this.store.batches(run.run, cursor.nextSeq, limit);
      if (batches.length === 0) return false;
      const opened = batches.map((batch) => ({ ...batch, shares: openShareBatch(batch) }));
      await this.#names.learn(
        new Set(opened.flatMap(({ shares }) => shares.map(({ payoutScript }) => payoutScript))),
      );
      for (const { shares, receivedAt } of opened) {
        working.slices.fold(
          { shares, receivedAt, late: cursor.closed },
          {
            account: (script) => this.#names.get(script),
            feeClass: (named) => this.#policy.classes.get(named) ?? this.#policy.classes.get(0) ?? 0,
          },
        );
      }
      cursor = { ...cursor, nextSeq: cursor.nextSeq + batches.length };
      working.cursors.set(run.run, cursor);
    }
    // What it had stored while it was away is in; from here on it is a run like any other.
    if (cursor.closed && run.isLive) working.cursors.set(run.run, { ...cursor, closed: false });
    return true;
  }

  async #seal(working: Working, count: number, now: number, fence: Fence): Promise<void> {
    const { slices, durable } = working;
    const sealed: SealedSlice[] = [];
    let seq = durable.lastSeq;
    let previousHash = durable.lastHash;
    for (const slice of slices.list.slice(0, count)) {
      const next = await this.#sealed(slice, { seq: seq + 1, previousHash, sealedAt: now });
      sealed.push(next);
      seq++;
      previousHash = next.hash;
    }
    const open = slices.list.slice(count);
    const cursors = [...working.cursors]
      .map(([run, after]) => ({ run, before: durable.cursors.get(run) ?? null, after }))
      .filter(({ before, after }) => before?.nextSeq !== after.nextSeq || before.closed !== after.closed);
    await this.store.seal(fence, { sealed, open, cursors });
    slices.list.splice(0, count);
    this.#working = {
      slices,
      cursors: working.cursors,
      durable: { ...durable, cursors: new Map(working.cursors), open, lastSeq: seq, lastHash: previousHash },
    };
  }

  async #sealed(
    slice: OpenSlice,
    place: Pick<SliceHeader, "seq" | "previousHash" | "sealedAt">,
  ): Promise<SealedSlice> {
    const list = slice.credits.list();
    const salts = await saltsOf(this.#deps.sql, list.keys.map(accountOfKey));
    const root = merkleSumRoot(sliceRows(list, place.seq, (account) => salts.get(account)!));
    const header: SliceHeader = {
      ...place,
      prevHash: slice.tip.prevHash,
      height: slice.tip.height,
      nbits: slice.tip.nbits,
      openedAt: slice.openedAt,
      count: Number(root.count),
      windowWork: windowWork(list),
      trueWork: root.trueWork,
      creditedWork: root.creditedWork,
      merkleRoot: root.hash,
      n: this.#policy.n,
      policyVersion: this.#policy.version,
      late: slice.late,
    };
    return {
      header,
      hash: sliceHash(header),
      entries: list.length,
      payload: encodeCredits([{ nbits: slice.tip.nbits, list }]),
      blocks: slice.blocks,
    };
  }
}

/** The rows of a slice as they are published and hashed. */
export function sliceRows(
  list: CreditList,
  seq: number,
  saltOf: (account: number) => Uint8Array,
): SliceRow[] {
  const rows: SliceRow[] = [];
  for (let index = 0; index < list.length; index++) {
    const key = list.keys[index]!;
    rows.push({
      pseudonym: pseudonym(saltOf(accountOfKey(key)), seq, classOfKey(key)),
      count: BigInt(list.counts[index]!),
      trueWork: list.trueWork.get(index),
      creditedWork: list.creditedWork.get(index),
    });
  }
  return rows.sort(byPseudonym);
}

/** How many of the oldest open slices may be sealed: they have ended, and so has everybody's part in them. */
function endedSlices(
  open: readonly OpenSlice[],
  now: number,
  runs: readonly RunState[],
  isFolded: ReadonlyMap<string, boolean>,
): number {
  let ended = 0;
  for (const { endsAt } of open) {
    const isOver = endsAt <= now && runs.every((run) => isPast(run, endsAt, isFolded.get(run.run) === true));
    if (!isOver) break;
    ended++;
  }
  return ended;
}

/** A run that ended, or was given up, has no say. A batch of a live one that is not visible yet keeps slices open. */
function isPast(run: RunState, endsAt: number, isFolded: boolean): boolean {
  return !run.isLive || (isFolded && run.watermark >= endsAt);
}
