import { connect, createServer, type Server, type Socket } from "node:net";
import { systemClock, systemRandom } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { startTestDatabase, type TestDatabase } from "@lode/testing/database";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { someShare } from "../test/share-arbitraries.ts";
import { openDatabase } from "./database.ts";
import { PostgresShareStore, type ShareStoreOptions } from "./postgres-share-store.ts";
import { readProducers } from "./producers.ts";
import { buildShareBatch, newRun } from "./share-batch.ts";
import { countShares, readShareBatches } from "./share-queries.ts";
import type { ShareBatch } from "./share-record.ts";

const HOUR = 3_600_000;
let database: TestDatabase;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  database = await startTestDatabase();
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

afterAll(() => database.close());

function openStore(options: Partial<ShareStoreOptions> = {}): PostgresShareStore {
  const store = new PostgresShareStore({
    connection: `${database.url}?application_name=share-store`,
    clock: systemClock,
    // The shared machine of a test run may be slow; tests of the deadline set their own.
    answerTimeoutMs: 30_000,
    allowFsyncOff: true,
    ...options,
  });
  closing.push(() => store.close());
  return store;
}

function batchOf(
  options: { run?: string; seq?: number; at?: number; sequenceNumber?: number } = {},
): ShareBatch {
  const { run = newRun(systemRandom), seq = 0, at = 1_000 * HOUR, sequenceNumber = 1 } = options;
  return buildShareBatch({ run, seq }, [{ ...someShare, sequenceNumber }], at);
}

/** The server's processes that serve a share store. */
async function storeBackends(): Promise<number[]> {
  const rows = await database.sql<{ pid: number }[]>`
    select pid from pg_stat_activity where datname = current_database() and application_name = 'share-store'`;
  return rows.map(({ pid }) => pid);
}

async function partitions(): Promise<string[]> {
  const rows = await database.sql<{ name: string }[]>`
    select inhrelid::regclass::text as name from pg_inherits where inhparent = 'share_batch'::regclass order by 1`;
  return rows.map(({ name }) => name);
}

/** Holds every commit up until it is released. */
async function lockTable(): Promise<() => Promise<void>> {
  const session = await database.sql.reserve();
  await session`begin`;
  await session`lock table share_batch in access exclusive mode`;
  return async () => {
    await session`rollback`;
    session.release();
  };
}

/** A server that accepts and then does as it is told, to stand between the store and Postgres. */
async function listen(onConnection: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return { server, port: (server.address() as { port: number }).port };
}

describe("PostgresShareStore", () => {
  it("stores exactly what it was given", async () => {
    const store = openStore();
    const run = newRun(systemRandom);
    const batches = [batchOf({ run, seq: 0 }), batchOf({ run, seq: 1, sequenceNumber: 2 })];
    for (const batch of batches) await store.commit(batch);
    const stored = await readShareBatches(database.sql, run);
    const plain = stored.map((batch) => ({
      ...batch,
      payload: new Uint8Array(batch.payload),
      sha256: Buffer.from(batch.sha256),
    }));
    expect(plain).toEqual(batches);
  });

  it("creates the day's partition and those of the next three days, also when two stores do so at once", async () => {
    const at = 2_000 * HOUR;
    const stores = [openStore(), openStore()];
    await Promise.all(stores.map((store) => store.commit(batchOf({ at }))));
    await stores[0]?.commit(batchOf({ at })); // behind the next days' partitions on this connection
    expect((await partitions()).filter((name) => name.startsWith("share_batch_197003"))).toEqual([
      "share_batch_19700325",
      "share_batch_19700326",
      "share_batch_19700327",
      "share_batch_19700328",
    ]);
  });

  it("creates a partition again that was dropped below it", async () => {
    const store = openStore();
    const at = 3_000 * HOUR;
    await store.commit(batchOf({ at }));
    await store.commit(batchOf({ at }));
    await database.sql`drop table ${database.sql("share_batch_19700506")}`;
    const run = newRun(systemRandom);
    await store.commit(batchOf({ at, run }));
    expect(await countShares(database.sql, run)).toBe(1);
  });

  it("shows in the table of producers how far a run is, and that it lives though it stores nothing", async () => {
    const store = openStore();
    const run = newRun(systemRandom);
    const producer = async () => (await readProducers(database.sql)).find((row) => row.run === run);
    await store.renew(run, false);
    const started = await producer();
    expect(started).toMatchObject({ lastSeq: null, ended: null, watermark: started?.started });
    expect(started!.leaseUntil - started!.started).toBe(10_000);
    await store.commit(batchOf({ run, seq: 0 }), { behindMs: 3_600_000 });
    expect(await producer()).toEqual({ ...started, lastSeq: 0, leaseUntil: expect.any(Number) }); // never backwards
    await store.commit(batchOf({ run, seq: 1 }));
    const later = await producer();
    expect(later).toMatchObject({ lastSeq: 1, started: started?.started });
    expect(later!.watermark).toBeGreaterThan(started!.watermark);
    expect(later!.leaseUntil - later!.watermark).toBeCloseTo(10_000);
    await store.renew(run, true);
    expect((await producer())?.ended).toBeGreaterThanOrEqual(later!.watermark);
    await store.commit(batchOf({ run, seq: 1 })); // came back after all
    expect(await producer()).toMatchObject({ lastSeq: 1, ended: null });
  });

  it("takes commits of the release before, which says less", async () => {
    await openStore().commit(batchOf());
    const batch = batchOf({ seq: 4 });
    await database.sql`select share_batch_commit(
      ${batch.partHour}, ${batch.run}, ${batch.seq}, ${batch.n}, ${String(batch.work)}, ${batch.payload}, ${batch.sha256})`;
    const producers = await readProducers(database.sql);
    expect(producers.find(({ run }) => run === batch.run)).toMatchObject({ lastSeq: 4, ended: null });
  });

  it("takes many commits at once, in their order", async () => {
    const store = openStore();
    const run = newRun(systemRandom);
    await Promise.all(Array.from({ length: 20 }, (_, seq) => store.commit(batchOf({ run, seq }))));
    expect((await readShareBatches(database.sql, run)).map(({ seq }) => seq)).toEqual([...Array(20).keys()]);
  });

  it("stores a batch once that two connections commit at the same moment", async () => {
    const [one, two] = [openStore(), openStore()];
    await Promise.all([one.commit(batchOf()), two.commit(batchOf())]);
    const batch = batchOf();
    await Promise.all([one.commit(batch), two.commit(batch), one.commit(batch), two.commit(batch)]);
    expect(await countShares(database.sql, batch.run)).toBe(1);
  });

  it("gives a commit up after two seconds and destroys its connection; the same bytes then go through", async () => {
    const clock = new VirtualClock();
    const store = openStore({ clock, answerTimeoutMs: 2_000 });
    await store.commit(batchOf());
    const before = await storeBackends();
    const unlock = await lockTable();
    const batch = batchOf();
    const outcome = store.commit(batch).then(
      () => "committed",
      (error: { type: unknown }) => error.type,
    );
    await clock.advanceAsync(1_999);
    expect(clock.pendingTimers).toBe(1);
    await clock.advanceAsync(1);
    expect(await outcome).toEqual({ code: "unknown-outcome", reason: "timeout", sqlstate: null });
    await unlock();
    await store.commit(batch);
    await store.commit(batch);
    expect(await countShares(database.sql, batch.run)).toBe(1);
    await expect.poll(storeBackends).not.toEqual(expect.arrayContaining(before));
  });

  it("does not mind the write of a destroyed connection that comes through late", async () => {
    const clock = new VirtualClock();
    const store = openStore({ clock });
    await store.commit(batchOf());
    const run = newRun(systemRandom);
    // The lost commit is under way in another session and becomes visible while the second attempt waits for it.
    const late = await database.sql.reserve();
    const batch = batchOf({ run });
    await late`begin`;
    await late`select share_batch_commit(
      ${batch.partHour}, ${batch.run}, ${batch.seq}, ${batch.n}, ${String(batch.work)}, ${batch.payload}, ${batch.sha256})`;
    const again = store.commit(batch);
    await expect
      .poll(
        () =>
          database.sql`select 1 from pg_stat_activity where wait_event = 'transactionid' and query like '%share_batch_store%'`,
      )
      .toHaveLength(1);
    await late`commit`;
    late.release();
    await again;
    expect(await countShares(database.sql, run)).toBe(1);
  });

  it("sees another batch under its key also when that one becomes visible late", async () => {
    const store = openStore();
    await store.commit(batchOf());
    const mine = batchOf();
    const other = batchOf({ run: mine.run, sequenceNumber: 99 });
    const late = await database.sql.reserve();
    await late`begin`;
    await late`select share_batch_commit(
      ${other.partHour}, ${other.run}, ${other.seq}, ${other.n}, ${String(other.work)}, ${other.payload}, ${other.sha256})`;
    const outcome = store.commit(mine).catch((error: { type: unknown }) => error.type);
    await late`commit`;
    late.release();
    expect(await outcome).toEqual({ code: "batch-conflict", run: mine.run, seq: 0 });
  });

  it("has an unknown outcome for every commit of a connection that the server cut", async () => {
    const store = openStore();
    await store.commit(batchOf());
    const pids = await storeBackends();
    const unlock = await lockTable();
    const batches = [batchOf(), batchOf()];
    const outcomes = Promise.allSettled(batches.map((batch) => store.commit(batch)));
    await expect
      .poll(() => database.sql`select 1 from pg_locks where not granted and locktype = 'relation'`)
      .not.toHaveLength(0);
    for (const pid of pids) await database.sql`select pg_terminate_backend(${pid})`;
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { type: { code: "unknown-outcome" } } });
    }
    await unlock();
    for (const batch of batches) await store.commit(batch);
    expect(await countShares(database.sql, batches[1]?.run)).toBe(1);
  });

  it("has an unknown outcome while the server only reads, and needs no new store afterwards", async () => {
    const name = new URL(database.url).pathname.slice(1);
    await database.sql.unsafe(`alter database ${name} set default_transaction_read_only = on`);
    const store = openStore();
    const batch = batchOf();
    try {
      await expect(store.commit(batch)).rejects.toMatchObject({
        type: { code: "unknown-outcome", reason: "read-only" },
      });
      await expect(store.verifyDurability()).rejects.toMatchObject({
        type: { code: "unavailable", reason: "read-only" },
      });
    } finally {
      await database.sql.unsafe(`alter database ${name} reset default_transaction_read_only`);
    }
    await store.commit(batch);
    expect(await countShares(database.sql, batch.run)).toBe(1);
  });

  it("raises synchronous_commit where the server's default is lower, and keeps a stronger one", async () => {
    const name = new URL(database.url).pathname.slice(1);
    for (const [setting, expected] of [
      ["off", "on"],
      ["local", "on"],
      ["remote_apply", "remote_apply"],
    ] as const) {
      await database.sql.unsafe(`alter database ${name} set synchronous_commit = ${setting}`);
      expect(await openStore().verifyDurability()).toMatchObject({ synchronousCommit: expected });
    }
    await database.sql.unsafe(`alter database ${name} reset synchronous_commit`);
  });

  it("says that migrations are missing, at the start check and for a commit", async () => {
    const empty = await startTestDatabase({ migrated: false });
    closing.push(() => empty.close());
    const store = openStore({ connection: empty.url });
    await expect(store.verifyDurability()).rejects.toMatchObject({ type: { code: "schema-missing" } });
    await expect(store.commit(batchOf())).rejects.toMatchObject({ type: { code: "schema-missing" } });
    await store.close();
  });

  it("has an unknown outcome when nobody listens, and when who listens never answers", async () => {
    const clock = new VirtualClock();
    const sockets: Socket[] = [];
    const { server, port } = await listen((socket) => sockets.push(socket));
    const silent = openStore({ connection: { host: "127.0.0.1", port }, clock, answerTimeoutMs: 2_000 });
    const outcome = silent.commit(batchOf()).catch((error: { type: unknown }) => error.type);
    await expect.poll(() => sockets.length).toBe(1);
    const gone = new Promise<void>((resolve) => sockets[0]?.once("close", () => resolve()));
    await clock.advanceAsync(2_000);
    expect(await outcome).toMatchObject({ code: "unknown-outcome", reason: "timeout" });
    await gone;
    expect(sockets).toHaveLength(1);
    await new Promise((resolve) => server.close(resolve));
    const refused = openStore({ connection: { host: "127.0.0.1", port } });
    await expect(refused.commit(batchOf())).rejects.toMatchObject({
      type: { code: "unknown-outcome", reason: "connection" },
    });
    await expect(refused.verifyDurability()).rejects.toMatchObject({
      type: { code: "unavailable", reason: "connection" },
    });
  });

  it("has an unknown outcome when the answer to a stored batch is lost, and stores it once", async () => {
    const target = new URL(database.url);
    let lines = 0;
    const { port } = await listen((client) => {
      const line = lines++;
      const upstream = connect({ host: target.hostname, port: Number(target.port) });
      upstream.on("error", () => {});
      client.pipe(upstream);
      upstream.on("data", (bytes: Buffer) => {
        // The first connection loses the server's word that the insert is done.
        if (line === 0 && bytes.includes("share_batch_store")) {
          client.destroy();
          return;
        }
        client.write(bytes);
      });
      client.on("close", () => upstream.destroy());
      upstream.on("close", () => client.destroy());
    });
    const url = new URL(database.url);
    url.host = `127.0.0.1:${port}`;
    const store = openStore({ connection: url.href });
    const batch = batchOf();
    await expect(store.commit(batch)).rejects.toMatchObject({ type: { code: "unknown-outcome" } });
    await store.commit(batch);
    expect(await countShares(database.sql, batch.run)).toBe(1);
    expect(lines).toBe(2);
  });

  it("takes nothing after it was closed, and leaves nothing open", async () => {
    const store = openStore();
    await store.commit(batchOf());
    await store.close();
    await expect(store.commit(batchOf())).rejects.toMatchObject({ type: { code: "closed" } });
    await expect.poll(storeBackends).toEqual([]);
  });
});

describe("openDatabase", () => {
  it("passes the server's notices to the log", async () => {
    const seen: unknown[] = [];
    const nothing = () => {};
    const logger = {
      debug: (fields: object) => seen.push(fields),
      info: nothing,
      warn: nothing,
      error: nothing,
    };
    const sql = openDatabase(database.url, { max: 1, logger });
    await sql.unsafe("do $$ begin raise notice 'hello'; end $$");
    await sql.end();
    expect(seen).toEqual([{ notice: "hello" }]);
  });
});
