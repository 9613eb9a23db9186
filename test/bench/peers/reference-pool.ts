import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { systemRandom } from "@lode/ports";
import { accepts, freePort, RunningProcess } from "@lode/testing/process";
import { encodeAuthorityPublicKey, encodeAuthoritySecretKey, generateKeypair } from "@lode/transport";
import { scratchDirectory } from "../scratch-directory.ts";
import type { MeasuredServer } from "./measured-server.ts";
import type { BenchTemplateServer } from "./template-server.ts";

/** The release that is measured; another one is measured too, and named in the result. */
const VERSION = "0.7.0";
/** As its example configurations have it. */
const SHARE_BATCH_SIZE = 10;
/** So many that its least hash rate of 1 H/s gives the easiest target there is, which its vardiff then never leaves. */
const SHARES_PER_MINUTE = 600;
const OPEN_WITHIN_MS = 20_000;
const POLL_MS = 50;
const STOP_WITHIN_MS = 5_000;

/** Path of the reference implementation's pool, or what is missing. */
export function findReferencePool(): { readonly path: string } | { readonly missing: string } {
  const directory = process.env["LODE_SRI"];
  const hint = `the comparison needs the reference pool: LODE_SRI=DIR with pool_sv2 ${VERSION} in it (cargo install --locked pool_sv2)`;
  if (directory === undefined || directory === "") return { missing: hint };
  const path = join(directory, "pool_sv2");
  return existsSync(path) ? { path } : { missing: `${hint}; ${path} does not exist` };
}

/** What it calls itself: `pool_sv2 0.7.0`. */
export function referenceVersion(path: string): string {
  return spawnSync(path, ["--version"], { encoding: "utf8" }).stdout?.trim() || "unknown";
}

/** Starts the reference pool, as its examples have it, with the easiest target. */
export async function startReferencePool(
  path: string,
  templates: BenchTemplateServer,
): Promise<MeasuredServer> {
  const directory = scratchDirectory();
  const authority = generateKeypair(systemRandom);
  const port = await freePort();
  const config = join(directory.path, "pool.toml");
  const log = join(directory.path, "pool.log");
  writeFileSync(
    config,
    [
      `authority_public_key = "${encodeAuthorityPublicKey(authority.publicKey)}"`,
      `authority_secret_key = "${encodeAuthoritySecretKey(authority.secretKey)}"`,
      "cert_validity_sec = 3600",
      `listen_address = "127.0.0.1:${port}"`,
      'coinbase_reward_script = "addr(bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080)"',
      "server_id = 1",
      'pool_signature = "benchmark"',
      `shares_per_minute = ${SHARES_PER_MINUTE}.0`,
      `share_batch_size = ${SHARE_BATCH_SIZE}`,
      "[template_provider_type.Sv2Tp]",
      `address = "${templates.address}"`,
      `public_key = "${templates.publicKey}"`,
      "",
    ].join("\n"),
  );
  const pool = new RunningProcess(path, ["-c", config, "-f", log], {
    env: { ...process.env, RUST_LOG: "error" },
  });
  const stop = async (): Promise<void> => {
    await pool.stop("SIGTERM", STOP_WITHIN_MS);
    directory.remove();
  };
  const kill = (): void => pool.signal("SIGKILL");
  process.once("exit", kill);
  try {
    await untilOpen(pool, port);
  } catch (error) {
    const said = existsSync(log) ? readFileSync(log, "utf8").slice(-2_000) : "";
    await stop();
    throw new Error(`the reference pool does not run: ${String(error)} ${said}`);
  }
  return {
    pid: pool.pid,
    port,
    authorityKey: authority.publicKey,
    userIdentity: "bench",
    answeredTogether: SHARE_BATCH_SIZE,
    collect: async () => 0,
    async stop() {
      process.off("exit", kill);
      await stop();
    },
  };
}

async function untilOpen(pool: RunningProcess, port: number): Promise<void> {
  const deadline = performance.now() + OPEN_WITHIN_MS;
  while (!(await accepts(port))) {
    if (!pool.running) throw new Error(pool.tail());
    if (performance.now() > deadline) throw new Error(`it did not listen within ${OPEN_WITHIN_MS / 1000} s.`);
    await pause(POLL_MS);
  }
}
