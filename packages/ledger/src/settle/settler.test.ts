import { silentLogger } from "@lode/ports";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FoldWorld } from "../../test/fold/fold-world.ts";
import { jobOn, shareOf } from "../../test/fold/stored-shares.ts";
import { blockHash, SettleWorld } from "../../test/settle/settle-world.ts";
import type { Database } from "../database.ts";
import type { ShareRecord } from "../share-record.ts";
import { Settler } from "./settler.ts";

/** The easiest target of test networks: two hashes a block, so that windows are short. */
const EASY = 0x207fffff;
const N = { num: 8n, den: 1n };
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
beforeEach(() => world.reset());

function settler(): Settler {
  return new Settler({ sql, logger: silentLogger, actor: "test" });
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

describe("the settler", () => {
  it("credits a block over its window at one confirmation, to the satoshi", async () => {
    await mine(usual());
    await books.found(1, { tip: 6, reward: REWARD });
    expect(await step()).toEqual([]); // not on the chain yet
    await books.became(1, "active");
    expect(await step()).toMatchObject([{ became: "immature", height: 101 }]);
    const balances = await books.balances();
    expect(balances).toEqual(await books.defined(1, 5, REWARD, N));
    // 16 hashes: the last three slices, and one hash of the one before. Account 4's winning share is not in it.
    expect(Object.keys(balances).sort()).toEqual([
      "coinbase_immature",
      "fee_immature",
      "miner_immature 1",
      "miner_immature 2",
      "miner_immature 3",
    ]);
    expect(await step()).toEqual([]);
    const [row] = await sql`select * from booking join settlement using (block_hash)`;
    expect(row).toMatchObject({
      slice_seq: "5",
      slice_reason: "winning share",
      full_from: "2",
      boundary: "1",
      phi_num: "1",
      phi_den: "5",
    });
    await books.expectBalanced();
  });

  it("takes credit back when the block leaves the chain, and gives the same again when it returns", async () => {
    await mine(usual());
    await books.found(1, { tip: 6, reward: REWARD });
    for (const depth of [1, 6]) {
      await books.became(1, "active", depth);
      await step();
      const credited = await books.balances();
      expect(credited).toEqual(await books.defined(1, 5, REWARD, N));
      await books.became(1, "orphaned", -depth);
      expect(await step()).toMatchObject([{ became: "reversed" }]);
      expect(await books.balances()).toEqual({});
    }
    await books.became(1, "active");
    await step();
    await books.became(1, "mature", 101);
    expect(await step()).toMatchObject([{ became: "mature" }]);
    const released = await books.balances();
    expect(released["wallet"]).toBe(REWARD);
    expect(released["coinbase_immature"]).toBeUndefined();
    await books.expectBalanced();

    // A reorganisation of 101 blocks takes nothing from anybody: people decide.
    await books.became(1, "orphaned", -101);
    expect(await step()).toMatchObject([{ became: "lost" }]);
    expect(await step()).toEqual([]);
    expect(await books.balances()).toEqual(released);
    expect(await sql`select reason, thawed_at from payout_freeze`).toEqual([
      { reason: "coinbase gone", thawed_at: null },
    ]);
  });

  it("books two blocks of ours at one height apart, and reverses the loser alone", async () => {
    const tips = usual();
    tips[5]!.push(share(5, 6, 1n, { blockHash: blockHash(2) }));
    await mine(tips);
    for (const n of [1, 2]) {
      await books.found(n, { tip: 6, reward: REWARD, height: 106 });
      await books.became(n, "active");
    }
    expect(await step()).toHaveLength(2);
    expect((await books.balances())["coinbase_immature"]).toBe(2n * REWARD);
    await books.became(2, "orphaned", -1);
    expect(await step()).toMatchObject([{ became: "reversed" }]);
    expect(await books.balances()).toEqual(await books.defined(1, 5, REWARD, N));
  });

  it("matures a block that it never saw young", async () => {
    await mine(usual());
    await books.found(1, { tip: 6, reward: REWARD });
    await books.became(1, "mature", 500);
    expect(await step()).toMatchObject([{ became: "immature" }]);
    expect(await step()).toMatchObject([{ became: "mature" }]);
    expect((await books.balances())["wallet"]).toBe(REWARD);
  });

  it("gives solo shares no credit and solo fees to no miner", async () => {
    const solo = { kind: "solo" as const, nbits: EASY };
    await mine(
      usual().map((shares, at) => [
        ...shares,
        shareOf(5, jobOn(at + 1, solo), {
          work: 50n,
          creditedWork: 0n,
          ...(at === 4 ? { blockHash: blockHash(2) } : {}),
        }),
      ]),
    );
    await books.found(1, { tip: 6, reward: REWARD });
    await books.found(2, { tip: 5, reward: 6_250_000n, toFinder: 306_250_000n, scheme: "solo" });
    for (const n of [1, 2]) await books.became(n, "active");
    await step();
    const expected = await books.defined(1, 5, REWARD, N);
    expect(await books.balances()).toEqual({
      ...expected,
      coinbase_immature: REWARD + 6_250_000n,
      fee_immature: expected["fee_immature"]! + 6_250_000n,
    });
    await books.expectBalanced();
  });

  it("settles a block without the row of its share by the first slice on its tip", async () => {
    await mine(usual());
    await books.found(7, { tip: 4, reward: REWARD });
    await books.became(7, "active");
    expect(await step()).toEqual([]); // the row may still come
    await sql`update block set recorded_at = now() - interval '3 hours'`;
    expect(await step()).toMatchObject([{ became: "immature" }]);
    expect(await sql`select slice_seq, slice_reason from booking`).toEqual([
      { slice_seq: "3", slice_reason: "first slice on its tip" },
    ]);
    expect(await books.balances()).toEqual(await books.defined(7, 3, REWARD, N));
  });

  it("settles a block of a tip that nobody mined on by what was sealed after it", async () => {
    await mine(usual());
    await books.found(7, { tip: 99, reward: REWARD });
    await books.became(7, "active");
    await sql`update block set recorded_at = now() - interval '3 hours'`;
    await step();
    expect(await sql`select slice_seq, slice_reason from booking`).toEqual([
      { slice_seq: "0", slice_reason: "sealed after it was found" },
    ]);
  });

  it("pays the finder of an idle pool whose first share is the block", async () => {
    await mine([[share(1, 1, 3n, { blockHash: blockHash(1) })], [share(2, 2, 5n)]]);
    await books.found(1, { tip: 1, reward: 100n });
    await books.became(1, "active");
    await step();
    expect(await books.balances()).toEqual({
      coinbase_immature: 100n,
      fee_immature: 2n,
      "miner_immature 1": 98n,
    });
  });

  it("books nothing for one who leads no more", async () => {
    await mine(usual());
    await books.found(1, { tip: 6, reward: REWARD });
    await books.became(1, "active");
    const other = { ...world.settlerFence, epoch: world.settlerFence.epoch + 1 };
    await expect(settler().step(other)).rejects.toMatchObject({ code: "not-leader" });
    expect(await books.balances()).toEqual({});
    await step();
    for (const state of ["orphaned", "active"] as const) {
      await books.became(1, state);
      if (state === "active") continue;
      await expect(settler().step(other)).rejects.toMatchObject({ code: "not-leader" });
    }
    expect(await books.balances()).toEqual(await books.defined(1, 5, REWARD, N));
  });
});
