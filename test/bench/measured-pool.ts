import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { maxTarget, sha256d } from "@lode/bitcoin";
import { defaultChannelSettings, type Identity, PayeeBook, parseIdentity } from "@lode/mining";
import { native } from "@lode/native";
import {
  type CandidateStore,
  listenerLimits,
  miningLimits,
  Pool,
  poolServerSchema,
  startPoolServer,
  type TemplateFeed,
  TemplateSources,
} from "@lode/pool-server";
import { systemClock, systemRandom } from "@lode/ports";
import { minerMaxLength, templateServerMaxLength } from "@lode/roles";
import { createLogger, createMetrics, loadConfig, type MetricsRegistry } from "@lode/service";
import {
  createThreadedHandshaker,
  decodeAuthorityPublicKey,
  dial,
  encodeAuthoritySecretKey,
  generateKeypair,
  listen,
  ServerIdentity,
  splitHostPort,
} from "@lode/transport";
import { CountingStore } from "./counting-store.ts";
import type { PoolRequest } from "./pool-protocol.ts";
import { ScriptedFeed } from "./scripted-feed.ts";
import { benchPool, TemplateScript } from "./scripted-templates.ts";

/** The pool under measurement. */
export interface MeasuredPool {
  readonly pool: Pool;
  readonly port: number;
  readonly authorityKey: Uint8Array;
  readonly handshakeBackend: string;
  readonly metrics: MetricsRegistry;
  /** Where shares go, if that is counted. */
  readonly store?: CountingStore;
  /** Gives templates, if the process makes them itself. */
  readonly templates?: { readonly script: TemplateScript; readonly feed: ScriptedFeed };
}

/** Every hash is a share, and no burst the generator sends makes vardiff want a harder target. */
const SHARES_PER_MINUTE = 1e9;
/** Its target is beyond the easiest there is. */
const LEAST_DIFFICULTY = 1e-12;
/** The templates have its difficulty. */
const NETWORK = "mainnet";
const TEMPLATE_POLL_MS = 20;

/** Blocks do not occur here. */
const noCandidates: CandidateStore = {
  save: async () => {},
  settle: async () => {},
  settled: async () => [],
  unsettled: async () => [],
};

/** Opens the pool as the request wants it, with logging and metrics as in production. */
export async function openMeasuredPool(
  { store, templates, scripts = "one" }: Omit<PoolRequest, "kind">,
  onFatal: (message: string) => void,
): Promise<MeasuredPool> {
  if (templates.kind === "script") {
    const script = new TemplateScript(native);
    const feed = new ScriptedFeed(script);
    return {
      ...(await openInParts(await CountingStore.open(store), feed, scripts, onFatal)),
      templates: { script, feed },
    };
  }
  if (store.kind === "postgres") return openAsDeployed(store.url, templates, onFatal);
  return openInParts(await CountingStore.open(store), templateSources(templates), scripts, onFatal);
}

/** What `lode pool` runs, but for settings that its configuration does not allow. */
async function openAsDeployed(
  databaseUrl: string,
  { address, publicKey }: TemplateServer,
  onFatal: (message: string) => void,
): Promise<MeasuredPool> {
  const authority = generateKeypair(systemRandom);
  const config = loadConfig({
    schema: poolServerSchema,
    set: [
      `pool.network=${NETWORK}`,
      "pool.listen_address=127.0.0.1:0",
      `pool.authority_secret_key=${encodeAuthoritySecretKey(authority.secretKey)}`,
      `pool.coinbase_reward_script=raw(${Buffer.from(benchPool.payoutScript).toString("hex")})`,
      `pool.data_dir=${mkdtempSync(join(tmpdir(), "lode-bench-"))}`,
      `templates.sources.0.address=${address}`,
      `templates.sources.0.public_key=${publicKey}`,
      `database.url=${databaseUrl}`,
    ],
  });
  const metrics = createMetrics();
  const server = await startPoolServer(
    {
      ...config,
      pool: { ...config.pool, sharesPerMinute: SHARES_PER_MINUTE, minDifficulty: LEAST_DIFFICULTY },
    },
    { logger: quietLogger(), metrics, onFatal },
  );
  await untilReady(server.pool);
  const { pool, port, handshakeBackend } = server;
  return { pool, port, handshakeBackend, metrics, authorityKey: authority.publicKey };
}

/** The same parts and limits put together here: with a store in memory, or templates without a connection. */
async function openInParts(
  store: CountingStore,
  feed: TemplateFeed,
  scripts: "one" | "own",
  onFatal: (message: string) => void,
): Promise<MeasuredPool> {
  const metrics = createMetrics();
  const logger = quietLogger();
  const { limits } = loadConfig({ schema: poolServerSchema });
  const ports = { clock: systemClock, random: systemRandom, logger, metrics, native };
  const pool = new Pool(
    {
      ...ports,
      ...{ store, feed, nodes: [], candidates: noCandidates, onFatal },
      identify: scripts === "own" ? workerAsUser : (userIdentity) => parseIdentity(userIdentity, NETWORK),
      payees: new PayeeBook({ native, poolScript: benchPool.payoutScript }),
    },
    {
      ...benchPool,
      serverId: 1,
      outageRefuseMs: 30_000,
      outageCloseMs: 120_000,
      mining: {
        ...miningLimits(limits),
        ...(scripts === "own" ? { newAccountsPerSubnetPerHour: 1e6, newAccountsPerHour: 1e6 } : {}),
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
  await untilReady(pool);
  const identity = ServerIdentity.create({
    authoritySecret: generateKeypair(systemRandom).secretKey,
    random: systemRandom,
    clock: systemClock,
  });
  const handshaker = await createThreadedHandshaker(identity, { clock: systemClock, logger });
  const { port } = await listen({
    ...ports,
    ...{ host: "127.0.0.1", port: 0, handshaker, maxLength: minerMaxLength },
    ...listenerLimits(limits, { clock: systemClock, logger, metrics }),
    onConnection: (connection) => pool.accept(connection),
  });
  return {
    pool,
    port,
    store,
    metrics,
    authorityKey: identity.authorityKey,
    handshakeBackend: handshaker.backend,
  };
}

/** A user of its own for every worker, whose blocks pay that user alone. */
function workerAsUser(userIdentity: string): Identity {
  const identity = parseIdentity(userIdentity, NETWORK);
  const program = sha256d(new TextEncoder().encode(identity.worker)).subarray(0, 20);
  return { ...identity, payoutScript: Uint8Array.of(0x00, 0x14, ...program), solo: true };
}

type TemplateServer = Extract<PoolRequest["templates"], { kind: "server" }>;

/** The pool's own client of one Template Distribution server. */
function templateSources({ address, publicKey }: TemplateServer): TemplateFeed {
  const ports = { clock: systemClock, random: systemRandom, logger: quietLogger(), native };
  const source = {
    name: "bench",
    address: "127.0.0.1:8442",
    setting: "templates.sources.0",
    network: null,
    coinbaseOutputMaxAdditionalSize: 1_000,
    coinbaseOutputMaxAdditionalSigops: 20,
    firstTemplateWithinMs: 30_000,
  };
  return new TemplateSources([source], {
    ...ports,
    metrics: createMetrics(),
    dial: () =>
      dial({
        ...ports,
        ...splitHostPort(address),
        authorityKey: decodeAuthorityPublicKey(publicKey),
        maxLength: templateServerMaxLength,
      }),
  });
}

function quietLogger() {
  return createLogger({ level: "warn", format: "json", fd: 2 });
}

/** No miner is let in before there is work. */
function untilReady(pool: Pool): Promise<void> {
  return new Promise((resolve) => {
    const timer = systemClock.every(TEMPLATE_POLL_MS, () => {
      if (pool.notReady().length > 0) return;
      timer.cancel();
      resolve();
    });
  });
}
