import { appendFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedPostgres, startPostgres } from "@lode/devnet";
import {
  buildShareBatch,
  countShares,
  type Database,
  findShares,
  migrate,
  migrationStatus,
  migrationsDirectory,
  newRun,
  openDatabase,
  PostgresShareStore,
  type ShareRecord,
  verifyMigrations,
} from "@lode/ledger";
import { systemClock, systemRandom } from "@lode/ports";
import { temporaryFolder } from "@lode/testing/process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { someShare } from "../../packages/ledger/test/share-arbitraries.ts";

const folder = temporaryFolder();
let server: EmbeddedPostgres;
let database: Database;

beforeAll(async () => {
  server = await startPostgres({ dataDir: folder.path, durable: true });
  database = openDatabase(server.url);
  await migrate(database);
}, 60_000);

afterAll(async () => {
  await database.end();
  await server.stop();
  folder.remove();
});

function store(answerTimeoutMs = 2_000): PostgresShareStore {
  return new PostgresShareStore({ connection: server.url, clock: systemClock, answerTimeoutMs });
}

function record(sequenceNumber: number): ShareRecord {
  return { ...someShare, sequenceNumber };
}

describe("share batches in Postgres", () => {
  it("are stored once, however often the same batch is committed", async () => {
    const shares = store();
    const run = newRun(systemRandom);
    const batch = buildShareBatch({ run, seq: 0 }, [record(1), record(2)], Date.now());
    await shares.commit(batch);
    await shares.commit(batch);
    await store().commit(batch);
    expect(await countShares(database, run)).toBe(2);
    await shares.close();
  });

  it("are refused for good when other bytes stand under their key, and the stored ones stay", async () => {
    const shares = store();
    const run = newRun(systemRandom);
    const now = Date.now();
    await shares.commit(buildShareBatch({ run, seq: 0 }, [record(1)], now));
    await expect(shares.commit(buildShareBatch({ run, seq: 0 }, [record(2)], now))).rejects.toMatchObject({
      type: { code: "batch-conflict", run, seq: 0 },
    });
    const stored = await findShares(database, { run });
    expect(stored.map(({ sequenceNumber }) => sequenceNumber)).toEqual([1]);
    await shares.close();
  });

  it("have an unknown outcome when no answer comes in time, and the same bytes go through later", async () => {
    const shares = store(2_000);
    await shares.commit(buildShareBatch({ run: newRun(systemRandom), seq: 0 }, [record(1)], Date.now()));
    const run = newRun(systemRandom);
    const batch = buildShareBatch({ run, seq: 0 }, [record(1)], Date.now());
    const blocker = await database.reserve();
    await blocker`begin`;
    await blocker`lock table share_batch in access exclusive mode`;
    await expect(shares.commit(batch)).rejects.toMatchObject({
      type: { code: "unknown-outcome", reason: "timeout" },
    });
    await blocker`rollback`;
    blocker.release();
    await shares.commit(batch);
    expect(await countShares(database, run)).toBe(1);
    await shares.close();
  });

  it("have an unknown outcome while the server is away, and go through when it is back", {
    timeout: 60_000,
  }, async () => {
    const other = temporaryFolder();
    const first = await startPostgres({ dataDir: other.path, durable: true });
    const shares = new PostgresShareStore({ connection: first.url, clock: systemClock });
    const tables = openDatabase(first.url, { max: 1 });
    await migrate(tables);
    await tables.end();
    const run = newRun(systemRandom);
    await shares.commit(buildShareBatch({ run, seq: 0 }, [record(1)], Date.now()));
    const { port } = first;
    await first.kill();
    const batch = buildShareBatch({ run, seq: 1 }, [record(2)], Date.now());
    await expect(shares.commit(batch)).rejects.toMatchObject({ type: { code: "unknown-outcome" } });
    const second = await startPostgres({ dataDir: other.path, durable: true, port });
    await shares.commit(batch);
    const again = openDatabase(second.url, { max: 1 });
    expect(await countShares(again, run)).toBe(2);
    await again.end();
    await shares.close();
    await second.stop();
    other.remove();
  });

  it("can be neither changed nor deleted", async () => {
    const shares = store();
    const run = newRun(systemRandom);
    await shares.commit(buildShareBatch({ run, seq: 0 }, [record(1)], Date.now()));
    await expect(database`update share_batch set n = 2 where run = ${run}`).rejects.toThrow(/never changed/);
    await expect(database`delete from share_batch where run = ${run}`).rejects.toThrow(/never changed/);
    await shares.close();
  });

  it("are not taken by a server that does not really write to disk, unless that is allowed", {
    timeout: 60_000,
  }, async () => {
    const other = temporaryFolder();
    const careless = await startPostgres({ dataDir: other.path, durable: false });
    const tables = openDatabase(careless.url, { max: 1 });
    await migrate(tables);
    await tables.end();
    const strict = new PostgresShareStore({ connection: careless.url, clock: systemClock });
    await expect(strict.verifyDurability()).rejects.toMatchObject({
      type: { code: "not-durable", setting: "fsync", value: "off" },
    });
    await strict.close();
    const lax = new PostgresShareStore({ connection: careless.url, clock: systemClock, allowFsyncOff: true });
    expect(await lax.verifyDurability()).toMatchObject({ synchronousCommit: "on", fsync: false });
    await lax.close();
    await careless.stop();
    other.remove();
  });

  it("never show the password when the database cannot be reached", async () => {
    const secret = "s3cr3t-word";
    const url = `postgres://lode:${secret}@127.0.0.1:${server.port}/lode`;
    const shares = new PostgresShareStore({ connection: url, clock: systemClock });
    const failure = await shares.verifyDurability().catch((error: unknown) => error);
    expect(failure).toMatchObject({ type: { code: "unavailable", reason: "access" } });
    expect(JSON.stringify(failure) + String(failure)).not.toContain(secret);
    await shares.close();
  });
});

describe("migrations", () => {
  it("are applied once and are told as applied", async () => {
    expect(await migrate(database)).toEqual([]);
    await verifyMigrations(database);
    expect((await migrationStatus(database)).map(({ state }) => state)).toContain("applied");
  });

  it("are refused when an applied file was changed, and wait when there are new ones", async () => {
    const copy = mkdtempSync(join(tmpdir(), "lode-migrations-"));
    cpSync(migrationsDirectory, copy, { recursive: true });
    writeFileSync(join(copy, "0900_more.sql"), "create table more (a integer);\n");
    await expect(verifyMigrations(database, copy)).rejects.toMatchObject({
      type: { code: "pending", file: "0900_more.sql" },
    });
    appendFileSync(join(copy, "0001_share_batches.sql"), "-- changed\n");
    await expect(migrate(database, copy)).rejects.toMatchObject({ type: { code: "checksum-changed" } });
    rmSync(copy, { recursive: true });
  });
});
