/** Entry of the measured process: the real pool behind the real listener, with scripted templates. Forked by `PoolHost`. */
import { performance } from "node:perf_hooks";
import { maxTarget } from "@lode/bitcoin";
import {
  migrate,
  migrationsDirectory,
  openDatabase,
  PostgresShareStore,
  type ShareBatch,
  type ShareStore,
} from "@lode/ledger";
import { defaultChannelSettings, parseIdentity } from "@lode/mining";
import { native } from "@lode/native";
import { type CandidateStore, Pool } from "@lode/pool-server";
import { systemClock, systemRandom } from "@lode/ports";
import { minerMaxLength } from "@lode/roles";
import { createLogger, createMetrics } from "@lode/service";
import { createThreadedHandshaker, generateKeypair, listen, ServerIdentity } from "@lode/transport";
import type { PoolCommand, PoolReading, PoolReply, PoolRequest } from "./pool-protocol.ts";
import { benchPool, ScriptedFeed } from "./scripted-feed.ts";

/** Every hash is a share, and no burst the generator sends makes vardiff want a harder target. */
const SHARES_PER_MINUTE = 1e9;

/** Counts what another store is given; alone, it is the store in memory: durable as soon as asked. */
class CountingStore implements ShareStore {
  commits = 0;
  stored = 0;
  readonly #behind: ShareStore | undefined;

  constructor(behind?: ShareStore) {
    this.#behind = behind;
  }

  async commit(batch: ShareBatch): Promise<void> {
    await this.#behind?.commit(batch);
    this.commits++;
    this.stored += batch.n;
  }
}

/** Blocks do not occur here. */
const noCandidates: CandidateStore = { save: async () => {}, unresolved: async () => [] };

async function openStore(request: PoolRequest): Promise<CountingStore> {
  if (request.store.kind === "memory") return new CountingStore();
  const { url } = request.store;
  const database = openDatabase(url, { max: 1 });
  await migrate(database, migrationsDirectory);
  await database.end();
  const store = new PostgresShareStore({ connection: url, clock: systemClock });
  await store.verifyDurability();
  return new CountingStore(store);
}

function hrtimeMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function read(pool: Pool, store: CountingStore, askedAt: number): PoolReading {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  const { connections, channels, acceptedShares, rejectedShares, recordedShares } = pool.status();
  return {
    askedAt,
    at: hrtimeMs(),
    cpuSeconds: (user + system) / 1e6,
    systemSeconds: system / 1e6,
    busyMs: performance.eventLoopUtilization().active,
    ...{ connections, channels, rss, heapUsed, external },
    accepted: acceptedShares,
    rejected: rejectedShares,
    recorded: recordedShares,
    commits: store.commits,
    stored: store.stored,
  };
}

function reply(message: PoolReply): void {
  process.send?.(message);
}

async function run(request: PoolRequest): Promise<void> {
  const store = await openStore(request);
  const feed = new ScriptedFeed(native);
  const metrics = createMetrics();
  const logger = createLogger({ level: "warn", format: "json", fd: 2 });
  const pool = new Pool(
    {
      clock: systemClock,
      random: systemRandom,
      logger,
      metrics,
      native,
      store,
      feed,
      nodes: [],
      candidates: noCandidates,
      identify: (userIdentity) => parseIdentity(userIdentity, "regtest"),
      onFatal: (message) => reply({ kind: "failed", message }),
    },
    {
      ...benchPool,
      serverId: 1,
      outageRefuseMs: 30_000,
      outageCloseMs: 120_000,
      mining: {
        channel: {
          ...defaultChannelSettings,
          sharesPerMinute: SHARES_PER_MINUTE,
          easiestTarget: maxTarget,
        },
      },
      recorder: {},
    },
  );
  await pool.start();
  const identity = ServerIdentity.create({
    authoritySecret: generateKeypair(systemRandom).secretKey,
    random: systemRandom,
    clock: systemClock,
  });
  const handshaker = await createThreadedHandshaker(identity, { clock: systemClock, logger });
  const listener = await listen({
    host: "127.0.0.1",
    port: 0,
    handshaker,
    native,
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
    maxLength: minerMaxLength,
    limits: { connectionsPerAddress: 20_000 }, // all miners are on this machine
    onConnection: (connection) => pool.accept(connection),
  });
  process.on("message", (command: PoolCommand) => {
    const askedAt = hrtimeMs();
    if (command.kind === "stop") process.exit(0);
    if (command.kind === "tip") feed.newTip();
    if (command.kind === "collect") {
      globalThis.gc?.();
      globalThis.gc?.();
    }
    reply({ kind: "reading", reading: read(pool, store, askedAt) });
  });
  reply({
    kind: "open",
    port: listener.port,
    authorityKey: Buffer.from(identity.authorityKey).toString("hex"),
    nativeBackend: native.backend,
    handshakeBackend: handshaker.backend,
  });
}

process.on("disconnect", () => process.exit(0));
process.once("message", (request: PoolRequest) => {
  run(request).catch((error: unknown) => reply({ kind: "failed", message: String(error) }));
});
