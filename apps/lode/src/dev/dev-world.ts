import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COIN, startPostgres } from "@lode/devnet";
import { checkDatabase, countShares, openDatabase } from "@lode/ledger";
import { native } from "@lode/native";
import { type Pool, type PoolServerDeps, poolServerSchema, startPoolServer } from "@lode/pool-server";
import { type Logger, systemClock, systemRandom } from "@lode/ports";
import { proxySchema, startProxy } from "@lode/proxy";
import { miningServerMaxLength } from "@lode/roles";
import {
  checkPort,
  createMetrics,
  ExitError,
  explainSystemError,
  loadConfig,
  startAdminServer,
} from "@lode/service";
import { type CpuMiner, startCpuMiner } from "@lode/simulator";
import { startTemplateProvider, templateProviderSchema } from "@lode/template-provider";
import { decodeAuthorityPublicKey, dial, splitHostPort, TransportError } from "@lode/transport";
import { announceBackend, STAND_IN_ADVICE } from "../backend.ts";
import { DATABASE_URL_FILE } from "../database-source.ts";
import { blockNotice } from "./block-notice.ts";
import { openDataDirectory } from "./data-directory.ts";
import { builtInChain, MINER_HASHES_PER_SECOND, userChain } from "./dev-chain.ts";
import type { DevOptions } from "./dev-options.ts";
import { BUILT_IN_CHAIN, checkPayoutAddress, exampleAddress } from "./payout-address.ts";
import { reachableHosts, type Welcome } from "./welcome.ts";

/** The last line of `lode dev --json`. */
export interface DevSummary {
  readonly accepted_shares: number;
  /** Counted in Postgres, of this run. */
  readonly recorded_shares: number;
  readonly blocks_accepted: number;
  readonly seconds: number;
}

/** Everything `lode dev` runs. */
export interface DevWorld {
  readonly pool: Pool;
  readonly welcome: Welcome;
  /** Complete once {@link stop} has returned. */
  summary(): DevSummary | undefined;
  stop(): Promise<void>;
}

export interface DevWorldDeps {
  readonly logger: Logger;
  readonly say: (line: string) => void;
  readonly onFatal: PoolServerDeps["onFatal"];
  readonly onBlockAccepted: () => void;
}

const SHARES_PER_MINUTE = 60;
/** A target that the simulated miner meets once a second; real hardware is given harder ones. */
const MIN_DIFFICULTY = MINER_HASHES_PER_SECOND / 2 ** 32;
/** One core of a computer; hardware is given harder targets within a few shares. */
const SV1_HASHES_PER_SECOND = 5_000_000;
/** Nobody waits long for a development pool to leave. */
const DRAIN_SECONDS = 2;
/** Somebody sits there: what is not there is said, not waited for. */
const DO_NOT_WAIT_MS = 1;

/** Starts everything in order; what fails takes down what was started before it. */
export async function startDevWorld(options: DevOptions, deps: DevWorldDeps): Promise<DevWorld> {
  const { logger, say } = deps;
  const steps: (() => unknown)[] = [];
  const takeDown = async () => {
    for (const step of steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        logger.error({ err: error }, "a part did not stop in order");
      }
    }
  };
  const metrics = createMetrics();
  const startedAt = systemClock.monotonic();
  try {
    announceBackend(native, logger, metrics);
    if (options.bitcoind === null) checkPayoutAddress(options.payoutAddress, "regtest", BUILT_IN_CHAIN);
    const data = await openDataDirectory(options.dataDir);
    steps.push(data.release);
    // Before anything slow: what stands in the way is said at once.
    await checkPort(splitHostPort(options.listen), `listen for miners on ${options.listen}`, "--listen");
    await checkPort(splitHostPort(options.admin), `serve health and metrics on ${options.admin}`, "--admin");

    const node =
      options.bitcoind === null
        ? null
        : await userChain({ url: options.bitcoind, cookieFile: options.cookieFile });
    if (node !== null) checkPayoutAddress(options.payoutAddress, node.network, node.description);

    const database = await startDatabase(options, data.path, deps);
    steps.push(database.stop);
    // So that other commands find the database while it runs.
    const urlFile = join(data.path, DATABASE_URL_FILE);
    writeFileSync(urlFile, `${database.url}\n`, { mode: 0o600 });
    steps.push(() => rmSync(urlFile, { force: true }));

    say("starting the chain");
    const chain = node ?? (await builtInChain(join(data.path, "chain")));
    steps.push(() => chain.stop());
    const payoutAddress = options.payoutAddress ?? exampleAddress(data.poolAuthoritySecret);
    // Two, so that one sees whom a block pays.
    const poolAddress = options.payoutAddress ?? exampleAddress(`${data.poolAuthoritySecret} pool`);

    say("starting the template provider");
    const provider = await startTemplateProvider(
      loadConfig({
        schema: templateProviderSchema,
        set: [
          "template_provider.listen_address=127.0.0.1:0",
          `template_provider.authority_secret_key=${data.templateAuthoritySecret}`,
          `node.url=${chain.url}`,
          `node.user=${chain.user}`,
          `node.password=${chain.password}`,
          `node.cookie_file=${chain.cookieFile}`,
          `node.network=${chain.network}`,
        ],
      }),
      { logger, metrics, waitMs: DO_NOT_WAIT_MS },
    );
    steps.push(() => provider.stop());

    say("starting the pool");
    const server = await startPoolServer(
      loadConfig({
        schema: poolServerSchema,
        set: [
          `pool.network=${chain.network}`,
          `pool.listen_address=${options.listen}`,
          `pool.authority_secret_key=${data.poolAuthoritySecret}`,
          `pool.coinbase_reward_script=${poolAddress}`,
          `payout.scheme=${options.scheme}`,
          `pool.shares_per_minute=${SHARES_PER_MINUTE}`,
          `pool.min_difficulty=${MIN_DIFFICULTY}`,
          `pool.drain_sec=${DRAIN_SECONDS}`,
          `pool.data_dir=${data.path}`,
          `templates.sources.0.address=127.0.0.1:${provider.port}`,
          `templates.sources.0.public_key=${provider.authorityPublicKey}`,
          `nodes.0.url=${chain.url}`,
          `nodes.0.user=${chain.user}`,
          `nodes.0.password=${chain.password}`,
          `nodes.0.cookie_file=${chain.cookieFile}`,
          `database.url=${database.url}`,
        ],
      }),
      {
        logger,
        metrics,
        waitMs: DO_NOT_WAIT_MS,
        onFatal: deps.onFatal,
        onBlockAccepted: (block) => {
          say(blockNotice(block, chain.network));
          deps.onBlockAccepted();
        },
        // The built-in chain never halves.
        ...(options.bitcoind === null ? { subsidyAt: () => 50n * COIN } : {}),
      },
    ).catch((error: unknown) => {
      throw explainListenFailure(error, `listen for miners on ${options.listen}`, "--listen HOST:PORT");
    });
    let stopPool = () => server.drain();
    steps.push(() => stopPool());

    const admin = await startAdminServer({
      ...splitHostPort(options.admin),
      metrics,
      checks: {
        live: () => [],
        ready: () => server.pool.notReady(),
        notes: () => server.pool.notes(),
        started: () => [],
      },
    });
    steps.push(() => admin.close());

    say("starting the door for Stratum V1 miners");
    const { host } = splitHostPort(options.listen);
    const door = await startDoor(options.sv1Listen, localHost(host), server, payoutAddress, {
      logger,
      metrics,
    }).catch((error: unknown) => {
      throw explainListenFailure(
        error,
        `listen for Stratum V1 miners on ${options.sv1Listen}`,
        "--sv1-listen HOST:PORT",
      );
    });
    let stopDoor = () => door.drain();
    steps.push(() => stopDoor());

    const miner = options.miner
      ? await startMiner(host, server.port, server.authorityPublicKey, payoutAddress, { logger, metrics })
      : null;

    let summary: DevSummary | undefined;
    return {
      pool: server.pool,
      welcome: {
        sv1Port: door.port,
        hosts: reachableHosts(host),
        port: server.port,
        admin: `${splitHostPort(options.admin).host}:${admin.port}`,
        authorityPublicKey: server.authorityPublicKey,
        exampleAddress: payoutAddress,
        poolAddress,
        scheme: options.scheme,
        chain: chain.description,
        database: database.description,
        dataDir: data.path,
        nativeBackend: native.backend === "addon" ? "C++ addon" : STAND_IN_ADVICE,
        handshakeBackend: server.handshakeBackend,
      },
      summary: () => summary,
      async stop() {
        miner?.stop();
        stopPool = async () => {};
        stopDoor = async () => {};
        try {
          await door.drain();
          await server.drain();
          summary = await summarize(server.pool, database.url, startedAt);
        } finally {
          await takeDown();
        }
      },
    };
  } catch (error) {
    await takeDown();
    throw error;
  }
}

async function startDatabase(options: DevOptions, dataDir: string, { logger, say }: DevWorldDeps) {
  if (options.databaseUrl !== null) {
    await checkDatabase({ connection: options.databaseUrl, setting: "--database-url", logger });
    return { url: options.databaseUrl, description: "yours (--database-url)", stop: async () => {} };
  }
  say("starting the database (the first start makes its cluster)");
  const postgres = await startPostgres({ dataDir, durable: true, logger });
  const by = postgres.user === null ? "" : `, run by the user ${postgres.user.name}`;
  return {
    url: postgres.url,
    description: `embedded Postgres in ${postgres.location.cluster}${by}`,
    stop: () => postgres.stop(),
  };
}

/** The pool's own door for Stratum V1 miners. */
function startDoor(
  listen: string,
  poolHost: string,
  pool: { readonly port: number; readonly authorityPublicKey: string },
  address: string,
  deps: { logger: Logger; metrics: ReturnType<typeof createMetrics> },
) {
  const { host, port } = splitHostPort(listen);
  return startProxy(
    loadConfig({
      schema: proxySchema,
      set: [
        `proxy.downstream_address=${host}`,
        `proxy.downstream_port=${port}`,
        `proxy.user_identity=${address}.lobby`,
        `proxy.drain_sec=${DRAIN_SECONDS}`,
        `downstream_difficulty_config.min_individual_miner_hashrate=${SV1_HASHES_PER_SECOND}`,
        `downstream_difficulty_config.shares_per_minute=${SHARES_PER_MINUTE}`,
        `upstreams.0.address=${poolHost}`,
        `upstreams.0.port=${pool.port}`,
        `upstreams.0.authority_pubkey=${pool.authorityPublicKey}`,
      ],
    }),
    deps,
  );
}

async function startMiner(
  host: string,
  port: number,
  authorityKey: string,
  address: string,
  deps: { logger: Logger; metrics: ReturnType<typeof createMetrics> },
): Promise<CpuMiner> {
  const connection = await dial({
    host: localHost(host),
    port,
    authorityKey: decodeAuthorityPublicKey(authorityKey),
    native,
    clock: systemClock,
    random: systemRandom,
    logger: deps.logger,
    maxLength: miningServerMaxLength,
  });
  return startCpuMiner({
    connection,
    userIdentity: `${address}.simulated`,
    kind: "extended",
    hashesPerSecond: MINER_HASHES_PER_SECOND,
    clock: systemClock,
    random: systemRandom,
    ...deps,
    onRejected: (error_code) =>
      deps.logger.warn({ error_code }, "a share of the simulated miner was rejected"),
  });
}

/** Where a server that listens everywhere is reached from here. */
function localHost(host: string): string {
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}

async function summarize(pool: Pool, databaseUrl: string, startedAt: number): Promise<DevSummary> {
  const status = pool.status();
  const database = openDatabase(databaseUrl, { max: 1 });
  try {
    return {
      accepted_shares: status.acceptedShares,
      recorded_shares: Number(await countShares(database, pool.run)),
      blocks_accepted: status.blocksAccepted,
      seconds: Math.round((systemClock.monotonic() - startedAt) / 100) / 10,
    };
  } finally {
    await database.end();
  }
}

function explainListenFailure(error: unknown, doing: string, option: string): unknown {
  if (!(error instanceof TransportError) || error.type.code !== "listen-failed") return error;
  const system = Object.assign(new Error(error.message), { code: error.type.cause });
  const explained = explainSystemError(system, doing);
  return explained instanceof ExitError
    ? new ExitError(explained.type.exitCode, `${explained.message} (${option})`, { cause: error })
    : error;
}
