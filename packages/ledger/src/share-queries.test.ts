import { createHash } from "node:crypto";
import { systemClock, systemRandom } from "@lode/ports";
import { startTestDatabase, type TestDatabase } from "@lode/testing/database";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { payloads1, shareRecords, someShare } from "../test/share-arbitraries.ts";
import { PostgresShareStore } from "./postgres-share-store.ts";
import { buildShareBatch, newRun, openShareBatch } from "./share-batch.ts";
import { decodeShares } from "./share-decoding.ts";
import { encodeShares } from "./share-encoding.ts";
import { countShares, findShares, readShareBatches, shareTotals } from "./share-queries.ts";
import type { ShareRecord } from "./share-record.ts";

const HOUR = 3_600_000;
const alice = { payoutScript: Uint8Array.of(0x51, 0x01), worker: "alice" };
const bob = { payoutScript: Uint8Array.of(0x52), worker: "bob" };
const run = newRun(systemRandom);
const otherRun = newRun(systemRandom);
const sampleRun = newRun(systemRandom);
let database: TestDatabase;

function share(who: typeof alice, sequenceNumber: number, work: bigint): ShareRecord {
  return { ...someShare, ...who, connectionId: 3_000_000_000, sequenceNumber, work, creditedWork: work };
}

/** Indexes of two bytes, times of four. */
function manyEntries(): ShareRecord[] {
  return Array.from({ length: 300 }, (_, i) => ({
    ...share({ payoutScript: Uint8Array.of(i >> 8, i & 0xff), worker: `rig${i}` }, i, 1n << BigInt(i % 128)),
    creditedWork: i % 3 === 0 ? 0n : 1n << BigInt(i % 128),
    receivedAt: 1_764_500_000_000 + 70_000 * i,
    blockHash: i % 50 === 0 ? new Uint8Array(32).map((_, at) => at + i / 50) : null,
  }));
}

beforeAll(async () => {
  database = await startTestDatabase();
  const store = new PostgresShareStore({
    connection: database.url,
    clock: systemClock,
    allowFsyncOff: true,
    answerTimeoutMs: 30_000,
  });
  const huge = (1n << 127n) + 1n;
  await store.commit(buildShareBatch({ run, seq: 0 }, [share(alice, 1, 5n), share(bob, 1, huge)], 7 * HOUR));
  await store.commit(buildShareBatch({ run, seq: 1 }, [share(bob, 2, huge), share(alice, 2, 6n)], 8 * HOUR));
  await store.commit(buildShareBatch({ run: otherRun, seq: 0 }, [share(alice, 9, 1n)], 8 * HOUR), {
    addresses: [{ payoutScript: alice.payoutScript, address: "alice's address" }],
  });
  await store.close();
});
afterAll(() => database.close());

describe("queries of shares", () => {
  it("count and sum exactly, of one run or of all", async () => {
    expect(await countShares(database.sql)).toBe(5);
    expect(await countShares(database.sql, run)).toBe(4);
    expect(await countShares(database.sql, newRun(systemRandom))).toBe(0);
    const totals = await shareTotals(database.sql, run);
    expect(
      totals.map(({ payoutScript, n, work }) => [Buffer.from(payoutScript).toString("hex"), n, work]),
    ).toEqual([
      ["52", 2, (1n << 128n) + 2n],
      ["5101", 2, 11n],
    ]);
    expect((await shareTotals(database.sql)).at(-1)).toMatchObject({ n: 3, work: 12n });
  });

  it("find shares by everything that names them, the newest first", async () => {
    const find = async (filter: Parameters<typeof findShares>[1]) =>
      (await findShares(database.sql, filter)).map(
        ({ worker, sequenceNumber }) => `${worker} ${sequenceNumber}`,
      );
    expect(await find({ run })).toEqual(["alice 2", "bob 2", "bob 1", "alice 1"]);
    expect(await find({ run, limit: 1 })).toEqual(["alice 2"]);
    expect(await find({ worker: "bob", sequenceNumber: 1 })).toEqual(["bob 1"]);
    expect(await find({ payoutScript: bob.payoutScript })).toEqual(["bob 2", "bob 1"]);
    expect(await find({ connectionId: 3_000_000_000, channelId: 2, run: otherRun })).toEqual(["alice 9"]);
    expect(await find({ channelId: 3 })).toEqual([]);
  });

  it("place a share in its batch and hour", async () => {
    expect(await findShares(database.sql, { run, sequenceNumber: 2, worker: "alice" })).toMatchObject([
      { run, seq: 1, rowNumber: 1, receivedHour: 8 * HOUR, work: 6n },
    ]);
  });

  it("read batches back that open to the shares they were built of", async () => {
    const batches = await readShareBatches(database.sql, run);
    expect(batches.map(({ seq, partHour }) => [seq, partHour])).toEqual([
      [0, 7],
      [1, 8],
    ]);
    expect(batches.flatMap(openShareBatch).map(({ worker }) => worker)).toEqual([
      "alice",
      "bob",
      "bob",
      "alice",
    ]);
  });

  it("know the addresses that were told with a batch", async () => {
    const find = async (worker: string) => (await findShares(database.sql, { worker, limit: 1 }))[0]?.address;
    expect(await find("alice")).toBe("alice's address");
    expect(await find("bob")).toBeNull();
  });

  it("expand a payload in SQL to what the decoder reads, of both layouts", async () => {
    const payloads = fc
      .sample(
        fc.oneof(
          shareRecords.map(encodeShares),
          payloads1.map(({ payload }) => payload),
        ),
        60,
      )
      .concat(encodeShares(manyEntries()));
    for (const [seq, payload] of payloads.entries()) {
      const records = decodeShares(payload);
      await database.sql`select share_batch_store(
        9, ${sampleRun}, ${seq}, ${records.length}, ${String(records.reduce((sum, { work }) => sum + work, 0n))},
        ${payload}, ${createHash("sha256").update(payload).digest()}, 0, null)`;
      const stored = await findShares(database.sql, { run: sampleRun, seq, limit: 1_000 });
      expect(
        stored
          .reverse()
          .map(({ run, seq, rowNumber, receivedHour, address, committedAt, payoutScript, ...share }) => ({
            ...share,
            payoutScript: Uint8Array.from(payoutScript),
          })),
      ).toEqual(records);
    }
  });

  it("say what a payload is not, in SQL as well", async () => {
    await expect(database.sql`select * from share_batch_rows('\\x00')`).rejects.toMatchObject({
      code: "LB003",
    });
    const short = Buffer.concat([Buffer.from("LSB\x02"), Buffer.alloc(12)]);
    await expect(database.sql`select * from share_batch_rows(${short})`).rejects.toMatchObject({
      code: "LB003",
    });
    const future = Buffer.concat([Buffer.from("LSB\x03"), Buffer.alloc(12)]);
    await expect(database.sql`select * from share_batch_rows(${future})`).rejects.toThrow(
      /layout 3 is unknown/,
    );
  });
});
