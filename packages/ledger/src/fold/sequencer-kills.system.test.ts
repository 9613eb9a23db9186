import { Prng } from "@lode/testing/random";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { faultyDatabase, Killed, KillPoint } from "../../test/fold/faulty-database.ts";
import { FoldWorld, type StoredSlice } from "../../test/fold/fold-world.ts";
import { jobOn, runName, type StoredRuns, shareOf } from "../../test/fold/stored-shares.ts";
import type { Database } from "../database.ts";
import type { Fence } from "../journal/journal-error.ts";
import type { Sequencer } from "./sequencer.ts";

const HOUR_MS = 3_600_000;
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

const reset = (): Promise<void> => world.reset();
const open = (sliceMs?: number, on?: Database): Promise<Sequencer> => world.open(sliceMs, on);
const sealed = (): Promise<StoredSlice[]> => world.sealed();
const work = (slices: readonly StoredSlice[]) => slices.map((slice) => slice.work);

describe("a sequencer that is killed", () => {
  /** Two servers over four blocks, in three parts; the order of storing is not that of mining. */
  const history = [
    async () => {
      await runs.store(1, 0, 10, [shareOf(1, jobOn(1)), shareOf(2, jobOn(1))]);
      await runs.store(2, 0, 11, [shareOf(3, jobOn(1))]);
    },
    async () => {
      await runs.store(1, 1, 20, [shareOf(1, jobOn(1)), shareOf(1, jobOn(2)), shareOf(4, jobOn(2))]);
      await runs.store(2, 1, 21, [shareOf(3, jobOn(1)), shareOf(3, jobOn(2))]);
    },
    async () => {
      await runs.store(1, 2, 30, [shareOf(1, jobOn(3))]);
      await runs.store(2, 2, 31, [shareOf(5, jobOn(3)), shareOf(5, jobOn(4))]);
      await runs.store(1, 3, 40, [shareOf(1, jobOn(4))]);
    },
  ];

  it("at any of its awaits leaves slices that hold every share once", { timeout: 120_000 }, async () => {
    const expected = [
      { 1: 2000, 2: 1000, 3: 2000 },
      { 1: 1000, 3: 1000, 4: 1000 },
      { 1: 1000, 5: 1000 },
    ];
    for (let at = 0; ; at++) {
      const point = new KillPoint(at);
      let killed = 0;
      await reset();
      for (const part of history) {
        await part();
        const doomed = await open(HOUR_MS, faultyDatabase(sql, point));
        try {
          await doomed.step(fence);
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          killed++;
          // The next process takes over, and may be the only one of this stage.
          if (at % 2 === 0) await (await open()).step(fence);
        }
      }
      await (await open()).step(fence);
      expect(work(await sealed()), `killed at ${at}`).toEqual(expected);
      if (killed === 0) {
        expect(at).toBeGreaterThan(40);
        break;
      }
    }
  });

  it("loses and doubles nothing in random histories", { timeout: 120_000 }, async () => {
    for (let seed = 1; seed <= 12; seed++) {
      await reset();
      const random = new Prng(seed);
      const next = [0, 0, 0];
      const total: Record<string, number> = {};
      let tip = 1;
      let sequencer = await open(20_000);
      for (let at = 0; at < 60; at++) {
        if (random.chance(0.15)) tip++;
        const run = random.below(3);
        const shares = Array.from({ length: random.between(1, 4) }, () => {
          const account = random.between(1, 6);
          const amount = random.between(1, 100);
          total[account] = (total[account] ?? 0) + amount;
          const job = jobOn(random.chance(0.2) ? Math.max(1, tip - 1) : tip, {
            nbits: 0x1d00ffff - (tip >> 3),
          });
          return shareOf(account, job, { work: BigInt(amount), creditedWork: BigInt(amount) });
        });
        await runs.store(run, next[run]!, at * 3, shares);
        next[run]! += 1;
        if (random.chance(0.1)) await runs.silent(random.below(3), random.between(20, 120));
        if (random.chance(0.1)) await runs.ended(random.below(3));
        if (random.chance(0.5)) {
          const point = new KillPoint(random.chance(0.5) ? random.below(60) : Number.POSITIVE_INFINITY);
          sequencer = random.chance(0.3) ? await open(20_000, faultyDatabase(sql, point)) : sequencer;
          await sequencer.step(fence).catch(async (error) => {
            if (!(error instanceof Killed)) throw error;
            sequencer = await open(20_000);
          });
        }
      }
      for (const run of [0, 1, 2]) await runs.idle(run, 6_000);
      await (await open(20_000)).step(fence);
      const sums: Record<string, number> = {};
      for (const slice of await sealed()) {
        for (const [account, amount] of Object.entries(slice.work))
          sums[account] = (sums[account] ?? 0) + amount;
      }
      expect(sums, `seed ${seed}`).toEqual(total);
      const cursors = await sql<
        { run: string; next_seq: string }[]
      >`select run, next_seq from fold_cursor order by run`;
      expect(cursors.map(({ run, next_seq }) => [run, Number(next_seq)])).toEqual(
        next.flatMap((count, run) => (count > 0 ? [[runName(run), count]] : [])),
      );
    }
  });
});
