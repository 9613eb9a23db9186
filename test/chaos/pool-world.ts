import { join } from "node:path";
import { nbitsFromTarget } from "@lode/bitcoin";
import { type EmbeddedPostgres, startDevnetNode, startPostgres } from "@lode/devnet";
import { noMetrics, silentLogger, systemRandom } from "@lode/ports";
import { loadConfig } from "@lode/service";
import { startTemplateProvider, templateProviderSchema } from "@lode/template-provider";
import { PoolProcess, temporaryFolder } from "@lode/testing/process";
import { encodeAuthoritySecretKey, generateKeypair } from "@lode/transport";

/** What a world is made for. */
export interface PoolWorldOptions {
  /** Expected hashes until a block is found. */
  readonly hashesPerBlock: number;
  /** Arguments of the pool's node. */
  readonly nodeArguments?: readonly string[];
  readonly logLevel: "info" | "warn" | "error";
}

/** A pool process with a database, a chain and templates behind it. */
export interface PoolWorld {
  readonly pool: PoolProcess;
  readonly databaseUrl: string;
  /** SIGKILL for the server and all its processes; the next start recovers. */
  killPostgres(): Promise<void>;
  /** On the same data and the same port. */
  startPostgres(): Promise<void>;
  /** Ends everything and removes its files. */
  stop(): Promise<void>;
}

/** Shares a minute that a channel's target aims at: the most the pool allows. */
export const SHARES_PER_MINUTE = 600;
/** Hashes of the easiest share. */
const MIN_HASHES_PER_SHARE = 50;

/** Starts all of it, the pool last. */
export async function startPoolWorld(options: PoolWorldOptions): Promise<PoolWorld> {
  const { path: folder, remove } = temporaryFolder("chaos");
  const steps: (() => unknown)[] = [remove];
  const stop = async () => {
    for (const step of steps.splice(0).reverse()) {
      await Promise.resolve(step()).catch((error: unknown) => process.stderr.write(`${error}\n`));
    }
  };
  try {
    const database = join(folder, "database");
    let postgres: EmbeddedPostgres = await startPostgres({ dataDir: database, durable: true });
    steps.push(() => postgres.stop());
    const node = await startDevnetNode({
      dataDir: join(folder, "chain"),
      chain: { nbits: nbitsFromTarget((1n << 256n) / BigInt(options.hashesPerBlock)) },
      transactionsPerMinute: 60,
    });
    steps.push(() => node.close());
    const cookieFile = node.cookieFile ?? "";
    const provider = await startTemplateProvider(
      loadConfig({
        schema: templateProviderSchema,
        set: [
          "template_provider.listen_address=127.0.0.1:0",
          `template_provider.authority_secret_key=${encodeAuthoritySecretKey(generateKeypair(systemRandom).secretKey)}`,
          `node.url=${node.url}`,
          `node.cookie_file=${cookieFile}`,
          "node.network=regtest",
        ],
      }),
      { logger: silentLogger, metrics: noMetrics },
    );
    steps.push(() => provider.stop());
    const pool = await PoolProcess.start({
      folder,
      databaseUrl: postgres.url,
      templates: { port: provider.port, publicKey: provider.authorityPublicKey },
      nodes: [{ url: node.url, cookieFile }],
      ...(options.nodeArguments === undefined ? {} : { nodeArguments: options.nodeArguments }),
      settings: [
        `pool.shares_per_minute=${SHARES_PER_MINUTE}`,
        `pool.min_difficulty=${MIN_HASHES_PER_SHARE / 2 ** 32}`,
        "pool.drain_sec=2",
        `log.level=${options.logLevel}`,
      ],
    });
    steps.push(() => pool.end());
    return {
      pool,
      databaseUrl: postgres.url,
      killPostgres: () => postgres.kill(),
      async startPostgres() {
        postgres = await startPostgres({ dataDir: database, durable: true, port: postgres.port });
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
