import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { readMetrics } from "@lode/testing/metrics";
import { checkout, freePort, RunningProcess } from "@lode/testing/process";
import { type BenchContext, type Measurement, median, row, spread } from "./row.ts";
import { scratchDirectory } from "./scratch-directory.ts";

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
  const where = ["--data-dir", directory.path, "--listen", "127.0.0.1:0", "--admin", admin];
  const run = new RunningProcess("npm", ["start", "--silent", "--", ...where], {
    cwd: checkout,
    group: true,
  });
  try {
    await untilFirstShare(run, `http://${admin}/metrics`);
    return (performance.now() - started) / 1000;
  } finally {
    await run.stop("SIGTERM", STOP_WITHIN_MS);
    directory.remove();
  }
}

async function untilFirstShare(run: RunningProcess, url: string): Promise<void> {
  const deadline = performance.now() + GIVE_UP_MS;
  while (performance.now() < deadline) {
    if (!run.running) throw new Error(`npm start ended\n${run.tail()}`);
    const page = await readMetrics(url).catch(() => undefined);
    if (page !== undefined && page.sum("lode_shares_recorded_total") > 0) return;
    await pause(POLL_MS);
  }
  throw new Error(`no share was accepted within ${GIVE_UP_MS / 1000} s`);
}
