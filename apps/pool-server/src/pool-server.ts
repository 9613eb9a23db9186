import { join } from "node:path";
import { PostgresShareStore } from "@lode/ledger";
import { PayeeBook } from "@lode/mining";
import { native } from "@lode/native";
import {
  type DependencyError,
  type Logger,
  type Metrics,
  systemClock,
  systemRandom,
  throttledLogger,
} from "@lode/ports";
import { minerMaxLength } from "@lode/roles";
import { checkPort, lockDirectory } from "@lode/service";
import {
  createThreadedHandshaker,
  encodeAuthorityPublicKey,
  formatEndpointUrl,
  listen,
  splitHostPort,
} from "@lode/transport";
import { candidateDirectory } from "./blocks/block-candidates.ts";
import { blockNode } from "./blocks/block-node.ts";
import { DataDirectoryWatch } from "./blocks/data-directory-watch.ts";
import { RecordedBlocks } from "./blocks/recorded-blocks.ts";
import { assertPoolServer } from "./config/check-pool-server.ts";
import { listenerLimits, subnetOf } from "./config/limits-from-config.ts";
import {
  minerPlaces,
  namedDatabase,
  poolSettings,
  rewardScript,
  sourceSettings,
  templateDialer,
  watchedNodes,
} from "./config/parts-from-config.ts";
import { identifier, soloFee } from "./config/payout-config.ts";
import type { PoolServerConfig } from "./config/pool-server-config.ts";
import { waitForDatabase } from "./database-start.ts";
import { knowAccounts } from "./known-accounts.ts";
import { Pool, type PoolDeps, type PoolSettings } from "./pool.ts";
import { BatchRetention } from "./shares/batch-retention.ts";
import { blockWitness } from "./templates/block-witness.ts";
import { TemplateSources } from "./templates/template-sources.ts";

export interface PoolServerDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The pool cannot go on. `error` is there when the cause lies outside and has its own sentence. */
  readonly onFatal: (reason: string, error?: DependencyError) => void;
  readonly onBlockAccepted?: PoolDeps["onBlockAccepted"];
  /** Accept a Postgres that may lose commits in a crash: development only. */
  readonly allowFsyncOff?: boolean;
  /** New coins of the block at a height, satoshi, on a chain with rules of its own. Default: the network's. */
  readonly subsidyAt?: PoolSettings["subsidyAt"];
  /** Ends the wait for the database. */
  readonly signal?: AbortSignal;
  /** The start waits this long for a database that is not there yet, milliseconds; the configuration's if absent. */
  readonly waitMs?: number;
  /** Told what the start waits for, and null when that is there. */
  readonly onWaiting?: (sentence: string | null) => void;
}

/** A running pool server. */
export interface PoolServer {
  readonly pool: Pool;
  /** `stratum2+tcp://host:port/KEY` */
  readonly endpoint: string;
  /** That one and those of `[[pool.listeners]]`. */
  readonly endpoints: readonly string[];
  readonly port: number;
  readonly authorityPublicKey: string;
  /** Which implementation multiplies curve points in handshakes. */
  readonly handshakeBackend: string;
  /** Closes every connection well, within the configured time, and what is open behind the pool. */
  drain(): Promise<void>;
  /** Stops at once. */
  stop(): Promise<void>;
}

/** Lines of one text that sessions may log: this many at once, and one a second. */
const SESSION_LOG = { burst: 100, intervalMs: 1_000 };

/**
 * Starts a pool server in its data directory: connects a pool to sockets, Postgres and its nodes, and waits for a database
 * that is not there yet.
 *
 * @throws ConfigError, DependencyError, MigrationError; ExitError when the port is taken or another process uses the directory
 */
export async function startPoolServer(config: PoolServerConfig, deps: PoolServerDeps): Promise<PoolServer> {
  assertPoolServer(config);
  const lock = await lockDirectory(config.pool.dataDir, { name: "pool", setting: "pool.data_dir" });
  try {
    const server = await openPool(config, deps);
    return {
      ...server,
      drain: () => server.drain().finally(lock.release),
      stop: () => server.stop().finally(lock.release),
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Connects a pool to sockets, Postgres and its nodes. */
async function openPool(config: PoolServerConfig, deps: PoolServerDeps): Promise<PoolServer> {
  const { logger, metrics } = deps;
  const clock = systemClock;
  const random = systemRandom;
  const payoutScript = rewardScript(config);
  const fee = soloFee(config);
  const identify = identifier(config);
  for (const { listenAddress } of [config.pool, ...config.pool.listeners]) {
    await checkPort(
      splitHostPort(listenAddress),
      `listen for miners on ${listenAddress}`,
      "listen_address of [pool] or [[pool.listeners]]",
    );
  }
  const dialTemplates = templateDialer(config, logger);
  const blocksDirectory = join(config.pool.dataDir, "blocks");
  const blocksWatch = new DataDirectoryWatch({ directory: blocksDirectory, clock, logger, metrics });
  await blocksWatch.start();
  const store = new PostgresShareStore({
    connection: namedDatabase(config),
    clock,
    logger,
    answerTimeoutMs: config.database.commitTimeoutMs,
    allowFsyncOff: deps.allowFsyncOff ?? false,
  });
  const nodes = watchedNodes(config, { logger, metrics });
  for (const { monitor } of nodes) monitor.start();
  if (nodes.length === 0) logger.warn({}, NO_NODES);
  try {
    await waitForDatabase(store, config, deps);
  } catch (error) {
    for (const node of nodes) node.stop();
    blocksWatch.stop();
    await store.close();
    throw error;
  }
  const retention = new BatchRetention({
    url: config.database.url,
    days: config.retention.batchDays,
    clock,
    logger,
  });
  const feed = new TemplateSources(sourceSettings(config), {
    clock,
    logger,
    metrics,
    dial: dialTemplates,
    witness: blockWitness(nodes),
    onHopeless: (error) => deps.onFatal(error.message, error),
  });
  const sessionLogger = throttledLogger(logger, { clock, ...SESSION_LOG });
  const blockNodes = nodes.map(({ name, rpc }) => blockNode(name, rpc));
  const candidates = candidateDirectory(blocksDirectory, logger);
  const recordedBlocks = new RecordedBlocks({
    url: config.database.url,
    candidates,
    nodes: blockNodes,
    rpcs: nodes.map(({ rpc }) => rpc),
    confirmNodes: config.pool.confirmNodes,
    clock,
    logger,
    metrics,
  });
  await recordedBlocks.start(payoutScript, fee?.script);
  const pool = new Pool(
    {
      clock,
      random,
      logger: sessionLogger,
      metrics,
      native,
      store,
      feed,
      nodes: blockNodes,
      candidates,
      onBlockChange: (candidate) => recordedBlocks.record(candidate),
      onTip: () => recordedBlocks.onTip(),
      canKeepBlocks: () => blocksWatch.isWritable,
      identify,
      payees: new PayeeBook({
        native,
        poolScript: payoutScript,
        ...(fee === undefined ? {} : { soloFee: fee }),
      }),
      subnetOf: subnetOf(config.limits),
      onFatal: deps.onFatal,
      ...(deps.onBlockAccepted === undefined ? {} : { onBlockAccepted: deps.onBlockAccepted }),
    },
    {
      ...poolSettings(config, payoutScript),
      ...(deps.subsidyAt === undefined ? {} : { subsidyAt: deps.subsidyAt }),
    },
  );
  await knowAccounts(config.database.url, pool, logger);
  await pool.start();
  retention.start();
  const places = await Promise.all(
    minerPlaces(config).map(async ({ host, port, identity }, index) => {
      // Further ports serve those who have not changed their key yet, or have already.
      const threads = index === 0 ? {} : { threads: 1 };
      const handshaker = await createThreadedHandshaker(identity, { clock, logger, ...threads });
      return { host, port, handshaker, authorityKey: identity.authorityKey };
    }),
  );
  const [place, ...also] = places;
  if (place === undefined) throw new Error("a pool has a place to listen");
  const listener = await listen({
    ...place,
    also,
    native,
    clock,
    logger,
    metrics,
    maxLength: minerMaxLength,
    ...listenerLimits(config.limits, { clock, logger: sessionLogger, metrics }),
    onConnection: (connection) => pool.accept(connection),
  });
  const release = async () => {
    await listener.close();
    await pool.stop();
    await recordedBlocks.stop();
    for (const node of nodes) node.stop();
    for (const { handshaker } of places) await handshaker.close();
    await retention.stop();
    await store.close();
    blocksWatch.stop();
    sessionLogger.flush();
  };
  const endpoints = places.map(({ host, authorityKey }, index) =>
    formatEndpointUrl({ host, port: listener.ports[index] ?? 0, authorityKey }),
  );
  const { handshaker, authorityKey } = place;
  const backends = { handshake_backend: handshaker.backend, native_backend: native.backend };
  for (const endpoint of endpoints) logger.info({ endpoint, ...backends }, "pool is open");
  return {
    pool,
    endpoint: endpoints[0] ?? "",
    endpoints,
    port: listener.port,
    authorityPublicKey: encodeAuthorityPublicKey(authorityKey),
    handshakeBackend: handshaker.backend,
    async drain() {
      await listener.close();
      await pool.drain(config.pool.drainSec * 1000);
      await release();
    },
    stop: release,
  };
}

/** Said at the start of a pool whose blocks leave through template sources alone. */
const NO_NODES =
  "no [[nodes]] are configured: found blocks leave through SubmitSolution alone, which has no answer and is lost where the template server does not fit its node. Name a node that takes them by submitblock";
