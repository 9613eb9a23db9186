import { silentLogger } from "@lode/ports";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { faultyDatabase, Killed, KillPoint } from "../../test/fold/faulty-database.ts";
import { FoldWorld } from "../../test/fold/fold-world.ts";
import { jobOn, shareOf } from "../../test/fold/stored-shares.ts";
import { blockHash, SettleWorld } from "../../test/settle/settle-world.ts";
import type { Database } from "../database.ts";
import type { ShareRecord } from "../share-record.ts";
import { Settler } from "./settler.ts";

/** The easiest target of test networks: two hashes a block, so that windows are short. */
const EASY = 0x207fffff;
const REWARD = 312_500_007n;
let world: FoldWorld;
let books: SettleWorld;
let sql: Database;

beforeAll(async () => {
  world = await FoldWorld.start();
  books = new SettleWorld(world);
  sql = world.database.sql;
});
afterAll(() => world.database.close());

function settler(on: Database = sql): Settler {
  return new Settler({ sql: on, logger: silentLogger, actor: "test" });
}

const step = (by = settler()) => by.step(world.settlerFence);

/** Mines one tip after the other: one slice each, the last one stays open. */
async function mine(tips: readonly ShareRecord[][]): Promise<void> {
  for (const [seq, shares] of tips.entries()) await world.runs.store(1, seq, 10 * seq, shares);
  await world.runs.idle(1, 10_000);
  await (await world.open()).step(world.fence);
}

/** A share of `work` hashes on tip `tip`. */
function share(account: number, tip: number, work: bigint, options: Partial<ShareRecord> = {}): ShareRecord {
  return shareOf(account, jobOn(tip, { nbits: EASY }), { work, creditedWork: work, ...options });
}

/** Six tips; account 2 stops after the third. The winning share of block 1 is on tip 6. */
const usual = () =>
  Array.from({ length: 7 }, (_, at) => [
    share(1, at + 1, 3n),
    share(at < 3 ? 2 : 3, at + 1, 2n),
    ...(at === 5 ? [share(4, 6, 1n, { blockHash: blockHash(1) })] : []),
  ]);

describe("a settler", () => {
  it("that is killed at any of its awaits books every step once", { timeout: 120_000 }, async () => {
    const lives = ["active", "orphaned", "active", "mature"] as const;
    for (let at = 0; ; at++) {
      await world.reset();
      await mine(usual());
      await books.found(1, { tip: 6, reward: REWARD });
      const point = new KillPoint(at);
      let killed = false;
      for (const state of lives) {
        await books.became(1, state);
        try {
          await step(settler(faultyDatabase(sql, point)));
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          killed = true;
          await step();
        }
        await step();
        await books.expectBalanced();
      }
      const balances = await books.balances();
      const kinds = await sql<{ kind: string }[]>`select kind from journal order by id`;
      expect(balances["wallet"], `killed at ${at}`).toBe(REWARD);
      expect(kinds.map(({ kind }) => kind)).toEqual([
        "block_credit",
        "block_reverse",
        "block_credit",
        "block_mature",
      ]);
      if (!killed) {
        expect(at).toBeGreaterThan(30);
        break;
      }
    }
  });
});
