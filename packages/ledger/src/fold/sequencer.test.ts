import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FoldWorld, type StoredSlice, workOf } from "../../test/fold/fold-world.ts";
import { jobOn, type StoredRuns, shareOf } from "../../test/fold/stored-shares.ts";
import type { Database } from "../database.ts";
import type { Fence } from "../journal/journal-error.ts";
import { decodeCredits } from "../slices/index.ts";
import { SOLO_CLASS } from "./open-slices.ts";
import type { Sequencer } from "./sequencer.ts";

let world: FoldWorld;
let fence: Fence;
let runs: StoredRuns;
let sql: Database;

beforeAll(async () => {
  world = await FoldWorld.start();
  fence = world.fence;
  runs = world.runs;
  sql = world.database.sql;
});
afterAll(() => world.database.close());
beforeEach(() => world.reset());

const open = (sliceMs?: number): Promise<Sequencer> => world.open(sliceMs);
const sealed = (): Promise<StoredSlice[]> => world.sealed();
const work = (slices: readonly StoredSlice[]) => slices.map((slice) => slice.work);

describe("the sequencer", () => {
  it("seals a slice when its tip is over and every live run has stored what it took before", async () => {
    const sequencer = await open();
    await runs.store(1, 0, 10, [shareOf(1, jobOn(1)), shareOf(2, jobOn(1))]);
    await runs.idle(2, 12);
    expect(await sequencer.step(fence)).toBe(0);
    // A batch of two tips; run 2 has not said anything since.
    await runs.store(1, 1, 20, [shareOf(1, jobOn(1)), shareOf(1, jobOn(2))]);
    expect(await sequencer.step(fence)).toBe(0);
    // Run 2 was slower with the new block: its share is on the old one, as it should be.
    await runs.store(2, 0, 22, [shareOf(3, jobOn(1))]);
    expect(await sequencer.step(fence)).toBe(1);
    expect(await sealed()).toEqual([
      { tip: 1, nbits: 0x1d00ffff, late: false, work: { 1: 2000, 2: 1000, 3: 1000 } },
    ]);
    // What is behind the cursors and not sealed survives the process.
    const next = await open();
    await runs.store(1, 2, 30, [shareOf(1, jobOn(3))]);
    await runs.idle(2, 31);
    expect(await next.step(fence)).toBe(1);
    expect(work(await sealed())).toEqual([{ 1: 2000, 2: 1000, 3: 1000 }, { 1: 1000 }]);
  });

  it("seals by age while a tip lasts, and sorts by the database's time of storing", async () => {
    const sequencer = await open(60_000);
    await runs.store(1, 0, 0, [shareOf(1, jobOn(1))]);
    await runs.store(1, 1, 59, [shareOf(1, jobOn(1))]);
    await runs.store(1, 2, 60, [shareOf(1, jobOn(1))]);
    await runs.store(2, 0, 30, [shareOf(2, jobOn(1))]);
    await runs.idle(1, 500);
    await runs.idle(2, 500);
    expect(await sequencer.step(fence)).toBe(2);
    expect(work(await sealed())).toEqual([{ 1: 2000, 2: 1000 }, { 1: 1000 }]);
  });

  it("waits for a batch that is not visible yet, and never skips it", async () => {
    const sequencer = await open();
    await runs.store(1, 1, 11, [shareOf(1, jobOn(1), { work: 7n, creditedWork: 7n })]);
    await runs.store(1, 2, 20, [shareOf(1, jobOn(2))]);
    await runs.idle(1, 30);
    expect(await sequencer.step(fence)).toBe(0);
    await runs.store(1, 0, 10, [shareOf(1, jobOn(1), { work: 5n, creditedWork: 5n })]);
    expect(await sequencer.step(fence)).toBe(1);
    expect(work(await sealed())).toEqual([{ 1: 12 }]);
  });

  it("gives up a run whose lease is gone for a minute; what it brings then is late, and later it is a run like any", async () => {
    const sequencer = await open();
    await runs.store(1, 0, 10, [shareOf(1, jobOn(1))]);
    await runs.store(2, 0, 10, [shareOf(2, jobOn(1))]);
    await runs.store(1, 1, 20, [shareOf(1, jobOn(2))]);
    await runs.silent(2, 30);
    expect(await sequencer.step(fence)).toBe(0);
    await runs.silent(2, 61);
    expect(await sequencer.step(fence)).toBe(1);
    // An hour later it stores what it had taken before it was stopped, of an old block and of an old difficulty.
    await runs.store(2, 1, 25, [shareOf(2, jobOn(1)), shareOf(2, jobOn(1, { nbits: 0x1d00fffe }))]);
    expect(await sequencer.step(fence)).toBe(0);
    await runs.store(2, 2, 30, [shareOf(2, jobOn(2))]);
    await runs.store(1, 2, 40, [shareOf(1, jobOn(3))]);
    await runs.idle(2, 41);
    await sequencer.step(fence);
    expect(await sealed()).toEqual([
      { tip: 1, nbits: 0x1d00ffff, late: false, work: { 1: 1000, 2: 1000 } },
      { tip: 2, nbits: 0x1d00ffff, late: true, work: { 1: 1000, 2: 2000 } },
      { tip: 1, nbits: 0x1d00fffe, late: true, work: { 2: 1000 } },
    ]);
  });

  it("does not care what the clocks of pool servers say", async () => {
    const sequencer = await open();
    const [behind, ahead] = [{ receivedAt: 1 }, { receivedAt: 4_000_000_000_000 }];
    await runs.store(1, 0, 10, [shareOf(1, jobOn(1), behind)]);
    await runs.store(2, 0, 11, [shareOf(2, jobOn(1), ahead)]);
    await runs.store(2, 1, 12, [shareOf(2, jobOn(2), ahead)]);
    await runs.store(1, 1, 13, [shareOf(1, jobOn(1), behind), shareOf(1, jobOn(2), behind)]);
    expect(await sequencer.step(fence)).toBe(1);
    expect(work(await sealed())).toEqual([{ 1: 2000, 2: 1000 }]);
  });

  it("counts solo shares without credit, outside every window, and remembers shares that are blocks", async () => {
    const sequencer = await open();
    const blockHash = new Uint8Array(32).fill(0xbb);
    await runs.store(1, 0, 10, [
      shareOf(1, jobOn(1, { kind: "solo" }), { creditedWork: 0n }),
      shareOf(1, jobOn(1), { blockHash }),
      shareOf(2, jobOn(1, { kind: "custom", value: 4n, referenceValue: 5n }), { creditedWork: 800n }),
    ]);
    await runs.ended(1);
    await runs.store(2, 0, 20, [shareOf(1, jobOn(2))]);
    expect(await sequencer.step(fence)).toBe(1);
    const [row] = await sql`select * from slice join slice_block on slice_seq = seq`;
    expect(row).toMatchObject({ window_work: "2000", true_work: "3000", credited_work: "1800" });
    expect(Buffer.from(row!["block_hash"])).toEqual(Buffer.from(blockHash));
    const [section] = decodeCredits(row!["payload"]);
    expect([...section!.list].map(({ feeClass, creditedWork }) => [feeClass, creditedWork])).toEqual([
      [0, 1000n],
      [SOLO_CLASS, 0n],
      [0, 800n],
    ]);
  });

  it("seals nothing for one who leads no more", async () => {
    const sequencer = await open();
    await runs.store(1, 0, 10, [shareOf(1, jobOn(1))]);
    await runs.store(1, 1, 20, [shareOf(1, jobOn(2))]);
    const other = { ...fence, epoch: fence.epoch + 1 };
    await expect(sequencer.step(other)).rejects.toMatchObject({ code: "not-leader" });
    expect(await sealed()).toEqual([]);
    expect(await sequencer.step(fence)).toBe(1);
  });

  it("writes checkpoints that are the sums of their slices", async () => {
    const sequencer = await open();
    for (let seq = 0; seq < 85; seq++) {
      await runs.store(1, seq, seq, [
        shareOf(1 + (seq % 5), jobOn(seq, { nbits: seq < 60 ? 0x1d00ffff : 0x1d00fffe })),
      ]);
    }
    expect(await sequencer.step(fence)).toBe(84);
    const rows = await sql<{ seq: string; payload: Uint8Array }[]>`
      select seq, payload from slice_checkpoint order by seq`;
    expect(rows.map(({ seq }) => Number(seq))).toEqual([39, 79]);
    const byAccount = await world.names();
    const sections = decodeCredits(rows[1]!.payload);
    expect(sections.map(({ nbits, list }) => [nbits, workOf(list, byAccount)])).toEqual([
      [0x1d00fffe, { 1: 4000, 2: 4000, 3: 4000, 4: 4000, 5: 4000 }],
      [0x1d00ffff, { 1: 12000, 2: 12000, 3: 12000, 4: 12000, 5: 12000 }],
    ]);
  });
});
