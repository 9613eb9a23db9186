import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addressOfScript } from "@lode/bitcoin";
import { startPostgres } from "@lode/devnet";
import { systemRandom } from "@lode/ports";
import { encodeAuthoritySecretKey, generateKeypair } from "@lode/transport";
import { freePort } from "../../chaos/free-port.ts";
import { PoolProcess } from "../../chaos/pool-process.ts";
import { ScriptedTemplates } from "./scripted-templates.ts";

/** A pool process with its limits as they come (but that loopback may be banned), a database with fsync, and templates that follow a script. */
export interface SoakWorld {
  readonly pool: PoolProcess;
  readonly templates: ScriptedTemplates;
  readonly port: number;
  readonly adminPort: number;
  readonly authorityKey: Uint8Array;
  /** Receives the credit of everybody: nobody has its key. */
  readonly address: string;
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
  const folder = mkdtempSync(join(tmpdir(), "lode-soak-"));
  // The user that runs Postgres when this process is root's must get in.
  chmodSync(folder, 0o755);
  const steps: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const step of steps.splice(0).reverse()) {
      await Promise.resolve(step()).catch((error: unknown) => process.stderr.write(`${error}\n`));
    }
  };
  try {
    const postgres = await startPostgres({ dataDir: join(folder, "database"), durable: true });
    steps.push(() => postgres.stop());
    const templates = await ScriptedTemplates.start();
    steps.push(() => templates.stop());
    const authority = generateKeypair(systemRandom);
    const address = addressOfScript(Uint8Array.of(0x00, 0x14, ...systemRandom(20)), "regtest") ?? "";
    const [port, adminPort] = [await freePort(), await freePort()];
    const logFile = join(folder, "pool.log");
    mkdirSync(join(folder, "pool"));
    const pool = new PoolProcess({
      port,
      logFile,
      nodeArguments: [
        ...["--expose-gc", "--import", COLLECT_GARBAGE],
        ...(profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`]),
      ],
      settings: [
        "pool.network=regtest",
        `pool.listen_address=127.0.0.1:${port}`,
        `pool.authority_secret_key=${encodeAuthoritySecretKey(authority.secretKey)}`,
        `pool.coinbase_reward_script=${address}`,
        `pool.shares_per_minute=${SHARES_PER_MINUTE}`,
        `pool.min_difficulty=${MIN_DIFFICULTY}`,
        // Loopback is exempt as it comes; here everybody lives on it.
        "limits.bans.exempt_from=[]",
        "pool.drain_sec=2",
        `pool.data_dir=${join(folder, "pool")}`,
        `templates.sources.0.address=127.0.0.1:${templates.port}`,
        `templates.sources.0.public_key=${templates.authorityPublicKey}`,
        `database.url=${postgres.url}`,
        `admin.listen_address=127.0.0.1:${adminPort}`,
      ],
    });
    steps.push(() => pool.end(profileDir === undefined ? "SIGKILL" : "SIGTERM"));
    await pool.start();
    return {
      pool,
      templates,
      port,
      adminPort,
      authorityKey: authority.publicKey,
      address,
      databaseUrl: postgres.url,
      logBytes: () => statSync(logFile).size,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
