import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { readMetrics } from "@lode/testing/metrics";
import { freePort } from "@lode/testing/process";
import { type BenchContext, type Measurement, median, row, spread } from "./row.ts";
import { scratchDirectory } from "./scratch-directory.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const POLL_MS = 20;
const GIVE_UP_MS = 120_000;
const STOP_WITHIN_MS = 40_000;

/**
 * `npm start` with an empty data directory until the miner's first share was answered: build check, database cluster, chain,
 * template provider, pool, miner, and the share itself.
 */
export const quickstartRow: Measurement = {
  name: "quickstart",
  async measure({ repetitions, say }: BenchContext) {
    const seconds: number[] = [];
    for (let repetition = 1; repetition <= repetitions; repetition++) seconds.push(await startOnce());
    say(`quickstart: ${spread(seconds)} s`);
    return [row("quickstart", "s", median(seconds), 20)];
  },
};

async function startOnce(): Promise<number> {
  const directory = scratchDirectory();
  const admin = `127.0.0.1:${await freePort()}`;
  const started = performance.now();
  const args = [
    "start",
    "--silent",
    "--",
    "--data-dir",
    directory.path,
    "--listen",
    "127.0.0.1:0",
    "--admin",
    admin,
  ];
  // A process group of its own, so that a signal reaches npm's child as well.
  const child = spawn("npm", args, { cwd: ROOT, stdio: ["ignore", "ignore", 2], detached: true });
  const kill = (): void => void (child.pid !== undefined && signalGroup(child.pid, "SIGTERM"));
  process.once("exit", kill);
  try {
    await untilFirstShare(child, `http://${admin}/metrics`);
    return (performance.now() - started) / 1000;
  } finally {
    await stop(child);
    process.off("exit", kill);
    directory.remove();
  }
}

async function untilFirstShare(child: ChildProcess, url: string): Promise<void> {
  const deadline = performance.now() + GIVE_UP_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`npm start ended with ${child.exitCode}`);
    const page = await readMetrics(url).catch(() => undefined);
    if (page !== undefined && page.sum("lode_shares_recorded_total") > 0) return;
    await pause(POLL_MS);
  }
  throw new Error(`no share was accepted within ${GIVE_UP_MS / 1000} s`);
}

/** Stops npm and what it started, and waits until all of it is gone. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  signalGroup(child.pid, "SIGTERM");
  const deadline = performance.now() + STOP_WITHIN_MS;
  while (signalGroup(child.pid, 0)) {
    if (performance.now() > deadline) {
      signalGroup(child.pid, "SIGKILL");
      throw new Error(`npm start did not end within ${STOP_WITHIN_MS / 1000} s of SIGTERM`);
    }
    await pause(POLL_MS);
  }
}

/** False when the group is empty. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}
