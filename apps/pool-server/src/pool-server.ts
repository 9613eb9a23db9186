import { join } from "node:path";
import { sigopCostOfOutput } from "@lode/bitcoin";
import { migrate, migrationsDirectory, openDatabase, PostgresShareStore } from "@lode/ledger";
import { native } from "@lode/native";
import { type Logger, type Metrics, systemClock, systemRandom, throttledLogger } from "@lode/ports";
import { minerMaxLength } from "@lode/roles";
import { lockDirectory } from "@lode/service";
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
import { assertPoolServer } from "./config/check-pool-server.ts";

import { listenerLimits, subnetOf } from "./config/limits-from-config.ts";
import {
  identifier,
  nodeRpc,
  poolSettings,
  rewardScript,
  serverIdentity,
  templateDialer,
} from "./config/parts-from-config.ts";
import type { PoolServerConfig } from "./config/pool-server-config.ts";
import { Pool, type PoolDeps, type PoolSettings } from "./pool.ts";
import { BatchRetention } from "./shares/batch-retention.ts";
import { TemplateSources } from "./templates/template-sources.ts";

export interface PoolServerDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onFatal: PoolDeps["onFatal"];
  readonly onBlockAccepted?: (hash: string) => void;
  /** Accept a Postgres that may lose commits in a crash: development only. */
  readonly allowFsyncOff?: boolean;
  /** New coins of the block at a height, satoshi, on a chain with rules of its own. Default: the network's. */
  readonly subsidyAt?: PoolSettings["subsidyAt"];
}

/** A running pool server. */
export interface PoolServer {
  readonly pool: Pool;
  /** `stratum2+tcp://host:port/KEY` */
  readonly endpoint: string;
  readonly port: number;
  readonly authorityPublicKey: string;
  /** Which implementation multiplies curve points in handshakes. */
  readonly handshakeBackend: string;
  /** Closes every connection well, within the configured time, and what is open behind the pool. */
  drain(): Promise<void>;
  /** Stops at once. */
  stop(): Promise<void>;
}

/** Coinbase outputs of ours: one, of at most this many bytes beyond its script. */
const OUTPUT_OVERHEAD = 8 + 3;

/** Lines of one text that sessions may log: this many at once, and one a second. */
const SESSION_LOG = { burst: 100, intervalMs: 1_000 };

/**
 * Starts a pool server in its data directory.
 *
 * @throws ConfigError, LedgerError, TransportError; ExitError when another process uses the directory
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
  const identify = identifier(config);
  const identity = serverIdentity(config);
  const dialTemplates = templateDialer(config, logger);
  const blocksDirectory = join(config.pool.dataDir, "blocks");
  const blocksWatch = new DataDirectoryWatch({ directory: blocksDirectory, clock, logger, metrics });
  await blocksWatch.start();
  const store = new PostgresShareStore({
    connection: config.database.url,
    clock,
    logger,
    answerTimeoutMs: config.database.commitTimeoutMs,
    allowFsyncOff: deps.allowFsyncOff ?? false,
  });
  await migrateDatabase(config.database.url, logger);
  await store.verifyDurability();
  const retention = new BatchRetention({
    url: config.database.url,
    days: config.retention.batchDays,
    clock,
    logger,
  });
  const feed = new TemplateSources(
    config.templates.sources.map(({ name }) => ({
      name,
      coinbaseOutputMaxAdditionalSize: OUTPUT_OVERHEAD + payoutScript.length,
      coinbaseOutputMaxAdditionalSigops: sigopCostOfOutput(payoutScript),
      firstTemplateWithinMs: config.templates.firstTemplateSec * 1000,
    })),
    { clock, logger, metrics, dial: dialTemplates },
  );
  const sessionLogger = throttledLogger(logger, { clock, ...SESSION_LOG });
  const rpcs = config.nodes.map((node) => ({ name: node.name, rpc: nodeRpc(node) }));
  const pool = new Pool(
    {
      clock,
      random,
      logger: sessionLogger,
      metrics,
      native,
      store,
      feed,
      nodes: rpcs.map(({ name, rpc }) => blockNode(name, rpc)),
      candidates: candidateDirectory(blocksDirectory, logger),
      canKeepBlocks: () => blocksWatch.isWritable,
      identify,
      subnetOf: subnetOf(config.limits),
      onFatal: deps.onFatal,
      ...(deps.onBlockAccepted === undefined ? {} : { onBlockAccepted: deps.onBlockAccepted }),
    },
    {
      ...poolSettings(config, payoutScript),
      ...(deps.subsidyAt === undefined ? {} : { subsidyAt: deps.subsidyAt }),
    },
  );
  await pool.start();
  retention.start();
  const handshaker = await createThreadedHandshaker(identity, { clock, logger });
  const at = splitHostPort(config.pool.listenAddress);
  const listener = await listen({
    host: at.host,
    port: at.port,
    handshaker,
    native,
    clock,
    random,
    logger,
    metrics,
    maxLength: minerMaxLength,
    ...listenerLimits(config.limits, { clock, logger: sessionLogger, metrics }),
    onConnection: (connection) => pool.accept(connection),
  });
  const release = async () => {
    await listener.close();
    await pool.stop();
    for (const { rpc } of rpcs) rpc.close();
    await handshaker.close();
    await retention.stop();
    await store.close();
    blocksWatch.stop();
    sessionLogger.flush();
  };
  const endpoint = formatEndpointUrl({
    host: at.host,
    port: listener.port,
    authorityKey: identity.authorityKey,
  });
  logger.info(
    { endpoint, handshake_backend: handshaker.backend, native_backend: native.backend },
    "pool is open",
  );
  return {
    pool,
    endpoint,
    port: listener.port,
    authorityPublicKey: encodeAuthorityPublicKey(identity.authorityKey),
    handshakeBackend: handshaker.backend,
    async drain() {
      await listener.close();
      await pool.drain(config.pool.drainSec * 1000);
      await release();
    },
    stop: release,
  };
}

async function migrateDatabase(url: string, logger: Logger): Promise<void> {
  const database = openDatabase(url, { max: 1, logger });
  try {
    await migrate(database, migrationsDirectory);
  } finally {
    await database.end();
  }
}
