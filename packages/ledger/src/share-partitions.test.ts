import { readFileSync } from "node:fs";
import { systemClock, systemRandom } from "@lode/ports";
import { startTestDatabase, type TestDatabase } from "@lode/testing/database";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { someShare } from "../test/share-arbitraries.ts";
import { openDatabase } from "./database.ts";
import { PostgresShareStore } from "./postgres-share-store.ts";
import { buildShareBatch, newRun } from "./share-batch.ts";
import {
  createSharePartitions,
  dropSharePartition,
  listSharePartitions,
  partitionsOlderThan,
} from "./share-partitions.ts";
import { countShares } from "./share-queries.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
let database: TestDatabase;

beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(() => database.close());

async function commit(at: number): Promise<string> {
  const store = new PostgresShareStore({
    connection: database.url,
    clock: systemClock,
    allowFsyncOff: true,
    answerTimeoutMs: 30_000,
  });
  const run = newRun(systemRandom);
  await store.commit(buildShareBatch({ run, seq: 0 }, [{ ...someShare, receivedAt: at }], at));
  await store.close();
  return run;
}

/** As the release that had hourly partitions made them. */
async function createHour(hour: number, name: string): Promise<void> {
  await database.sql.unsafe(
    `create table ${name} partition of share_batch for values from (${hour}) to (${hour + 1})`,
  );
}

async function namesOf(year: string): Promise<string[]> {
  const partitions = await listSharePartitions(database.sql);
  return partitions.map(({ name }) => name).filter((name) => name.startsWith(`share_batch_${year}`));
}

describe("partitions of share batches", () => {
  it("are a UTC day each, and made once", async () => {
    const at = Date.UTC(2001, 1, 3, 4);
    expect(await createSharePartitions(database.sql, at, 1)).toBe(2);
    expect(await createSharePartitions(database.sql, at + 19 * HOUR, 1)).toBe(0);
    expect((await listSharePartitions(database.sql)).slice(-2)).toEqual([
      {
        name: "share_batch_20010203",
        fromHour: Date.UTC(2001, 1, 3) / HOUR,
        toHour: Date.UTC(2001, 1, 4) / HOUR,
        bytes: expect.any(Number),
      },
      expect.objectContaining({ name: "share_batch_20010204" }),
    ]);
  });

  it("leave partitions of single hours where they are and take what these leave of the day", async () => {
    const midnight = Date.UTC(2002, 1, 3);
    for (const hour of [5, 6, 9]) {
      await createHour(midnight / HOUR + hour, `share_batch_20020203_${String(hour).padStart(2, "0")}`);
    }
    for (let hour = 0; hour < 24; hour++) await commit(midnight + hour * HOUR);
    expect(await namesOf("20020203")).toEqual([
      "share_batch_20020203_00",
      "share_batch_20020203_05",
      "share_batch_20020203_06",
      "share_batch_20020203_07",
      "share_batch_20020203_09",
      "share_batch_20020203_10",
    ]);
  });

  it("are named for dropping when the whole of them is old", async () => {
    const at = Date.UTC(2003, 1, 3, 23);
    await createSharePartitions(database.sql, at, 3);
    const partitions = await listSharePartitions(database.sql);
    const old = (now: number) =>
      partitionsOlderThan(partitions, 7, now).filter(({ name }) => name.includes("2003")).length;
    expect([10, 11, 12, 14, 15].map((day) => old(Date.UTC(2003, 1, day, 23)))).toEqual([0, 1, 2, 4, 4]);
  });

  it("are not dropped while their shares are in no books, unless told so", async () => {
    const run = await commit(Date.UTC(2004, 1, 3));
    const drop = (evenUnfolded: boolean) =>
      dropSharePartition(database.sql, "share_batch_20040203", evenUnfolded);
    await expect(drop(false)).rejects.toMatchObject({
      type: { code: "not-folded", partition: "share_batch_20040203" },
    });
    expect(await countShares(database.sql, run)).toBe(1);
    await drop(true);
    expect(await countShares(database.sql, run)).toBe(0);
    await expect(drop(true)).rejects.toMatchObject({ type: { code: "no-such-partition" } });
    await dropSharePartition(database.sql, "share_batch_20040204", false); // empty
    expect(await namesOf("2004")).toEqual(["share_batch_20040205", "share_batch_20040206"]);
  });

  it("are never dropped by a name that is no partition's", async () => {
    await expect(dropSharePartition(database.sql, "producer", true)).rejects.toMatchObject({
      type: { code: "no-such-partition" },
    });
  });

  it("give way to commits that hold on to them", async () => {
    const at = Date.UTC(2005, 1, 3);
    await commit(at);
    const session = await database.sql.reserve();
    await session`begin`;
    await session`lock table share_batch in row exclusive mode`;
    await expect(dropSharePartition(database.sql, "share_batch_20050203", true)).rejects.toMatchObject({
      type: { code: "unavailable", reason: "contention" },
    });
    await session`rollback`;
    session.release();
    await dropSharePartition(database.sql, "share_batch_20050203", true);
  });
});

describe("a database of 400 days", () => {
  const documented = [
    ...readFileSync(new URL("../../../docs/share-batches.md", import.meta.url), "utf8").matchAll(
      /```sql\n(.*?)```/gs,
    ),
  ].flatMap(([, text]) => text!.split(/;\s*\n/).filter((query) => query.trim() !== ""));
  let own: TestDatabase;
  const now = Date.now();

  beforeAll(async () => {
    own = await startTestDatabase();
    await createSharePartitions(own.sql, now - 396 * DAY, 399);
    const store = new PostgresShareStore({
      connection: own.url,
      clock: systemClock,
      allowFsyncOff: true,
      answerTimeoutMs: 30_000,
    });
    const address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
    for (const day of [396, 30, 6, 1, 0]) {
      const share = { ...someShare, receivedAt: now - day * DAY, blockHash: new Uint8Array(32) };
      const batch = buildShareBatch({ run: newRun(systemRandom), seq: 0 }, [share], now - day * DAY);
      await store.commit(batch, { addresses: [{ payoutScript: share.payoutScript, address }] });
    }
    await store.close();
    await own.sql`analyze`;
  });
  afterAll(() => own.close());

  it("has them, and the documentation has queries", async () => {
    expect(await listSharePartitions(own.sql)).toHaveLength(400);
    expect(documented.length).toBeGreaterThan(3);
  });

  it.each(documented)(
    "answers from yesterday's partition on, with what is made ahead, and finds something: %s",
    async (query) => {
      const plan = await own.sql.unsafe<{ "QUERY PLAN": string }[]>(`explain ${query}`);
      const scanned = new Set(
        plan.flatMap((row) => row["QUERY PLAN"].match(/on share_batch_\d+/g) ?? []).map(String),
      );
      expect(scanned.size).toBeLessThanOrEqual(5);
      expect((await own.sql.unsafe(query)).length).toBeGreaterThan(0);
    },
  );

  it("is not compiled for the role that migrated it", async () => {
    const session = openDatabase(own.url, { max: 1 });
    expect(await session`show jit`).toEqual([{ jit: "off" }]);
    await session.end();
  });
});
