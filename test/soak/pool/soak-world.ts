import { statSync } from "node:fs";
import { join } from "node:path";
import { startPostgres } from "@lode/devnet";
import { PoolProcess, temporaryFolder } from "@lode/testing/process";
import { SoakTemplates } from "./soak-templates.ts";

/** A pool process with its limits as they come (but that loopback may be banned), a database with fsync, and templates that follow a script. */
export interface SoakWorld {
  readonly pool: PoolProcess;
  readonly templates: SoakTemplates;
  readonly databaseUrl: string;
  /** Bytes the pool has logged. */
  logBytes(): number;
  /** Ends everything and removes its files. */
  stop(): Promise<void>;
}

/** What every channel's target aims at. */
export const SHARES_PER_MINUTE = 12;
/** Difficulty of about four hashes: a share costs the harness next to nothing, and still has to be found. */
const MIN_DIFFICULTY = "0.000000001";
const COLLECT_GARBAGE = join(import.meta.dirname, "../../fuzz/collect-garbage.mjs");

/**
 * Starts all of it, the pool last.
 *
 * @param profileDir where the pool leaves a CPU profile when it stops
 */
export async function startSoakWorld(profileDir?: string): Promise<SoakWorld> {
  const { path: folder, remove } = temporaryFolder("soak");
  const steps: (() => unknown)[] = [remove];
  const stop = async () => {
    for (const step of steps.splice(0).reverse()) {
      await Promise.resolve(step()).catch((error: unknown) => process.stderr.write(`${error}\n`));
    }
  };
  try {
    const postgres = await startPostgres({ dataDir: join(folder, "database"), durable: true });
    steps.push(() => postgres.stop());
    const templates = await SoakTemplates.start();
    steps.push(() => templates.stop());
    const pool = await PoolProcess.start({
      folder,
      databaseUrl: postgres.url,
      templates,
      // Of the templates' difficulty.
      network: "mainnet",
      nodeArguments: [
        ...["--expose-gc", "--import", COLLECT_GARBAGE],
        ...(profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`]),
      ],
      settings: [
        `pool.shares_per_minute=${SHARES_PER_MINUTE}`,
        `pool.min_difficulty=${MIN_DIFFICULTY}`,
        // Loopback is exempt as it comes; here everybody lives on it.
        "limits.bans.exempt_from=[]",
        "pool.drain_sec=2",
      ],
    });
    steps.push(() => pool.end(profileDir === undefined ? "SIGKILL" : "SIGTERM"));
    return {
      pool,
      templates,
      databaseUrl: postgres.url,
      logBytes: () => statSync(pool.logFile).size,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
