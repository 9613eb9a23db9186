import { silentLogger } from "@lode/ports";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FoldWorld } from "../../test/fold/fold-world.ts";
import { jobOn, shareOf } from "../../test/fold/stored-shares.ts";
import { blockHash, SettleWorld } from "../../test/settle/settle-world.ts";
import { auditLedger } from "../audit/audit-ledger.ts";
import type { Database } from "../database.ts";
import { Settler } from "../settle/settler.ts";
import { accountBalances, accountNumbers, windowNumbers } from "./account-numbers.ts";

let world: FoldWorld;
let books: SettleWorld;
let sql: Database;
const settle = () => new Settler({ sql, logger: silentLogger, actor: "test" }).step(world.settlerFence);

beforeAll(async () => {
  world = await FoldWorld.start();
  books = new SettleWorld(world);
  sql = world.database.sql;
  for (let seq = 0; seq < 4; seq++) {
    const job = jobOn(seq + 1, { nbits: 0x207fffff });
    const share = (account: number, work: bigint, options = {}) =>
      shareOf(account, job, { work, creditedWork: work, ...options });
    await world.runs.store(1, seq, seq * 10, [
      share(1, 3n, seq === 2 ? { blockHash: blockHash(1) } : {}),
      share(2, 1n, seq === 1 ? { blockHash: blockHash(2) } : {}),
    ]);
  }
  await (await world.open()).step(world.fence);
  for (const n of [1, 2]) await books.found(n, { tip: 4 - n, reward: 1_000_000n });
  await books.became(2, "mature", 101);
  await books.became(1, "active", 7);
  await settle();
  await settle();
});
afterAll(() => world.database.close());

describe("the numbers of an account", () => {
  it("tell what is owed, what may still be lost, and what nobody owes", async () => {
    const [first, second] = await accountBalances(sql);
    expect(first).toMatchObject({
      address: "5101",
      immature: 735_000n,
      available: 735_000n,
      earned: 735_000n,
    });
    expect(second).toMatchObject({ address: "5102", immature: 245_000n, available: 245_000n });
    expect(await accountNumbers(sql, "5102")).toMatchObject({
      estimated: 245_000n,
      inPayout: 0n,
      immatureCredits: [{ block: "01".repeat(32), height: 101, confirmations: 7, amount: 245_000n }],
    });
    expect(await accountNumbers(sql, "nobody")).toBeNull();
  });

  it("come with the window's: how full it is and how long it lasts", async () => {
    const window = await windowNumbers(sql);
    expect(window).toMatchObject({ n: 8, filled: 0.5, chanceNeverPaid: Math.exp(-8) });
    expect(window!.seconds).toBeGreaterThan(0);
  });
});

describe("the audit of the ledger", () => {
  it("finds nothing where nothing is wrong", async () => {
    expect(await auditLedger(sql)).toEqual([]);
  });

  it.each([
    [
      "update ledger_account set debits = debits + 1, credits = credits + 1 where id = 49",
      /ledger account 49 /,
    ],
    ["update transfer set amount = amount + 1 where journal_id = 1 and line = 1", /journal 1: its lines/],
    ["update journal set ref = 'x' where id = 2", /journal 2: it does not continue/],
    [
      "delete from transfer where journal_id = 3; delete from journal where id = 3",
      /the newest journal is missing/,
    ],
    ["update block set state = 'orphaned' where height = 101", /block 101 .* not on the best chain/],
  ])("names what was done: %s", async (change, expected) => {
    await sql
      .begin(async (step) => {
        await step.unsafe(`set local session_replication_role = replica; ${change}`);
        expect((await auditLedger(step as unknown as Database)).join("\n")).toMatch(expected);
        throw new Error("undo");
      })
      .catch((error: unknown) => {
        if ((error as Error).message !== "undo") throw error;
      });
  });
});
