import { join } from "node:path";
import { DIFF1_TARGET, maxTarget } from "@lode/bitcoin";
import { NodeRpc } from "@lode/bitcoin/node";
import { migrate, migrationsDirectory, openDatabase, PostgresShareStore } from "@lode/ledger";
import { defaultChannelSettings, parseIdentity } from "@lode/mining";
import { native } from "@lode/native";
import {
  CodedError,
  type Logger,
  type Metrics,
  systemClock,
  systemRandom,
  throttledLogger,
} from "@lode/ports";
import { minerMaxLength, templateServerMaxLength } from "@lode/roles";
import {
  createThreadedHandshaker,
  decodeAuthorityPublicKey,
  decodeAuthoritySecretKey,
  dial,
  encodeAuthorityPublicKey,
  formatEndpointUrl,
  listen,
  ServerIdentity,
  splitHostPort,
} from "@lode/transport";
import { candidateDirectory } from "./block-candidates.ts";
import type { PoolServerConfig } from "./config/pool-server-config.ts";
import { listenerLimits, miningLimits } from "./limits/limits-in-force.ts";
import { nodeTarget } from "./node-target.ts";
import { Pool, type PoolDeps } from "./pool.ts";
import { parseRewardScript } from "./reward-script.ts";
import { TemplateSources } from "./template-sources.ts";

/** A configuration that cannot be run; the message says what to change. */
export class PoolConfigError extends CodedError<{ code: "invalid-config"; key: string }> {}

export interface PoolServerDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onFatal: PoolDeps["onFatal"];
  readonly onBlockAccepted?: (hash: string) => void;
  /** Accept a Postgres that may lose commits in a crash: development only. */
  readonly allowFsyncOff?: boolean;
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
/** Sigops of the one output; P2PKH, P2PK and bare scripts have some, one is never more than this. */
const OUTPUT_SIGOPS = 20;

/** Lines of one text that sessions may log: this many at once, and one a second. */
const SESSION_LOG = { burst: 100, intervalMs: 1_000 };

/** Connects a pool to sockets, Postgres and its nodes. @throws PoolConfigError, LedgerError, TransportError */
export async function startPoolServer(config: PoolServerConfig, deps: PoolServerDeps): Promise<PoolServer> {
  const { logger, metrics } = deps;
  const clock = systemClock;
  const random = systemRandom;
  const payoutScript = rewardScript(config);
  const identity = serverIdentity(config);
  const dialTemplates = templateDialer(config, logger);
  const store = new PostgresShareStore({
    connection: config.database.url,
    clock,
    logger,
    answerTimeoutMs: config.database.commitTimeoutMs,
    allowFsyncOff: deps.allowFsyncOff ?? false,
  });
  await migrateDatabase(config.database.url, logger);
  await store.verifyDurability();
  const feed = new TemplateSources(
    config.templates.sources.map(({ name }) => ({
      name,
      coinbaseOutputMaxAdditionalSize: OUTPUT_OVERHEAD + payoutScript.length,
      coinbaseOutputMaxAdditionalSigops: OUTPUT_SIGOPS,
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
      nodes: rpcs.map(({ name, rpc }) => nodeTarget(name, rpc)),
      candidates: candidateDirectory(join(config.pool.dataDir, "blocks"), logger),
      identify: (userIdentity) => parseIdentity(userIdentity, config.pool.network),
      onFatal: deps.onFatal,
      ...(deps.onBlockAccepted === undefined ? {} : { onBlockAccepted: deps.onBlockAccepted }),
    },
    {
      payoutScript,
      tag: new TextEncoder().encode(config.pool.poolSignature),
      serverId: config.pool.serverId,
      outageRefuseMs: config.templates.outageRefuseSec * 1000,
      outageCloseMs: config.templates.outageCloseSec * 1000,
      mining: {
        ...miningLimits(config.limits),
        extensions: {
          supported: config.pool.supportedExtensions,
          required: config.pool.requiredExtensions,
        },
        channel: {
          ...defaultChannelSettings,
          sharesPerMinute: config.pool.sharesPerMinute,
          easiestTarget: targetOfDifficulty(config.pool.minDifficulty),
        },
      },
      recorder: {},
    },
  );
  await pool.start();
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
    pool.stop();
    for (const { rpc } of rpcs) rpc.close();
    await handshaker.close();
    await store.close();
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

/** Target of a difficulty that may be below one; the six digits a person writes are kept exactly. */
function targetOfDifficulty(difficulty: number): bigint {
  const PRECISION = 10n ** 12n;
  const scaled = BigInt(Math.max(1, Math.round(difficulty * Number(PRECISION))));
  const target = (DIFF1_TARGET * PRECISION) / scaled;
  return target > maxTarget ? maxTarget : target;
}

async function migrateDatabase(url: string, logger: Logger): Promise<void> {
  const database = openDatabase(url, { max: 1, logger });
  try {
    await migrate(database, migrationsDirectory);
  } finally {
    await database.end();
  }
}

/** Names the key whose value cannot be read; the value itself may be a secret. */
function readKey<T>(key: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new PoolConfigError({ code: "invalid-config", key }, `${key}: ${error.message}`, { cause: error });
  }
}

function rewardScript(config: PoolServerConfig): Uint8Array {
  const { coinbaseRewardScript, network } = config.pool;
  if (coinbaseRewardScript === "") {
    throw new PoolConfigError(
      { code: "invalid-config", key: "pool.coinbase_reward_script" },
      "pool.coinbase_reward_script is not set: name the address that receives the block reward",
    );
  }
  return readKey("pool.coinbase_reward_script", () => parseRewardScript(coinbaseRewardScript, network));
}

function serverIdentity(config: PoolServerConfig): ServerIdentity {
  const { authoritySecretKey, authorityPublicKey, certValiditySec } = config.pool;
  if (authoritySecretKey === "") {
    throw new PoolConfigError(
      { code: "invalid-config", key: "pool.authority_secret_key" },
      "pool.authority_secret_key is not set: make a key pair with `lode keys generate`",
    );
  }
  const identity = ServerIdentity.create({
    authoritySecret: readKey("pool.authority_secret_key", () => decodeAuthoritySecretKey(authoritySecretKey)),
    random: systemRandom,
    clock: systemClock,
    validitySeconds: certValiditySec,
  });
  const publicKey = encodeAuthorityPublicKey(identity.authorityKey);
  if (authorityPublicKey !== "" && authorityPublicKey !== publicKey) {
    throw new PoolConfigError(
      { code: "invalid-config", key: "pool.authority_public_key" },
      `pool.authority_public_key is ${authorityPublicKey}, but the secret key belongs to ${publicKey}`,
    );
  }
  return identity;
}

function templateDialer(config: PoolServerConfig, logger: Logger) {
  // A key that cannot be read would fail at every attempt to connect, for ever.
  for (const { name, publicKey } of config.templates.sources) {
    if (publicKey !== "")
      readKey(`templates.sources (${name}).public_key`, () => decodeAuthorityPublicKey(publicKey));
  }
  return (sourceName: string) => {
    const source = config.templates.sources.find(({ name }) => name === sourceName);
    if (source === undefined) throw new Error(`no template source is called ${sourceName}`);
    return dial({
      ...splitHostPort(source.address),
      authorityKey: source.publicKey === "" ? null : decodeAuthorityPublicKey(source.publicKey),
      native,
      clock: systemClock,
      random: systemRandom,
      logger,
      maxLength: templateServerMaxLength,
    });
  };
}

function nodeRpc(node: PoolServerConfig["nodes"][number]): NodeRpc {
  return new NodeRpc({
    url: node.url,
    ...(node.cookieFile === "" ? {} : { cookieFile: node.cookieFile }),
    ...(node.user === "" ? {} : { user: node.user, password: node.password }),
    ports: { clock: systemClock },
  });
}
