import { setTimeout as pause } from "node:timers/promises";
import { type LoadReport, spawnLoad } from "@lode/simulator";
import { PoolHost } from "./pool-host.ts";
import type { PoolReading, PoolRequest } from "./pool-protocol.ts";
import { type BenchContext, type Measurement, median, row, significant, spread } from "./row.ts";
import { withPostgres } from "./with-postgres.ts";

const CONNECTIONS = 200;
/** Shares without an answer per connection; the reference pool was measured with 10 to 20. */
const WINDOW = 16;
/** Load before the first reading: code is compiled, the ephemeral keys are made again. */
const WARM_UP_SECONDS = 2;
/**
 * Part of what the pool takes at most that the second stretch offers, at a fixed rate. Shares come one by one there, so each
 * has a read and a write of its own.
 */
const PACED_PART = 0.25;
/** Nobody's: P2WPKH of mainnet, from BIP173's key. */
export const ADDRESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";

/** One run of one backend. */
interface Run {
  /** Microseconds of the pool's process, all threads, per share: at full load, and at the fixed rate. */
  readonly cpu: number;
  readonly pacedCpu: number;
  /** Of which in the kernel: sockets, above all. */
  readonly system: number;
  readonly pacedSystem: number;
  readonly sharesPerSecond: number;
  readonly sharesPerCommit: number;
  readonly serverBusy: number;
  readonly full: LoadReport;
  readonly paced: LoadReport;
}

/** Shares over encrypted loopback connections, durable in memory. */
export const sharesSocketRow: Measurement = {
  name: "shares_socket",
  measure: (context) => measureShares("shares_socket", 10, { kind: "memory" }, context),
};

/** The same with Postgres and fsync before every answer; Postgres' own CPU time is not counted. */
export const sharesDurableRow: Measurement = {
  name: "shares_durable",
  measure: (context) =>
    withPostgres(context.say, (url) =>
      measureShares("shares_durable", 13, { kind: "postgres", url }, context),
    ),
};

async function measureShares(
  name: string,
  budget: number,
  store: PoolRequest["store"],
  context: BenchContext,
) {
  const runs = { auto: [] as Run[], js: [] as Run[] };
  for (let repetition = 1; repetition <= context.repetitions; repetition++) {
    for (const native of ["auto", "js"] as const) {
      const run = await measureOnce(store, native, context);
      runs[native].push(run);
      context.say(`${name}: ${repetition}/${context.repetitions} ${describe(run)}`);
    }
  }
  const of = (native: "auto" | "js", read: (run: Run) => number) => runs[native].map(read);
  context.say(`${name}: CPU per share, full windows ${spread(of("auto", (run) => run.cpu))} µs`);
  context.say(`${name}: CPU per share, fixed rate ${spread(of("auto", (run) => run.pacedCpu))} µs`);
  const cpu = (native: "auto" | "js") => median(of(native, (run) => run.cpu));
  const pacedCpu = (native: "auto" | "js") => median(of(native, (run) => run.pacedCpu));
  return [
    row(name, "µs", cpu("auto"), budget, cpu("js")),
    row(`${name}_single`, "µs", pacedCpu("auto"), null, pacedCpu("js")),
    row(`${name}_p99`, "ms", median(of("auto", (run) => run.paced.latency.p99)), 100),
  ];
}

async function measureOnce(
  store: PoolRequest["store"],
  native: "auto" | "js",
  { seconds, profileDir }: BenchContext,
): Promise<Run> {
  const pool = await PoolHost.start({ store, templates: { kind: "script" }, native, profileDir });
  const load = await spawnLoad({
    host: "127.0.0.1",
    port: pool.port,
    authorityKey: pool.authorityKey,
    connections: CONNECTIONS,
    userIdentity: ADDRESS,
    window: WINDOW,
  });
  try {
    const full = await stretch(pool, WARM_UP_SECONDS, seconds, (length) => load.saturate(length));
    const sharesPerSecond = full.shares / full.seconds;
    const rate = Math.round(sharesPerSecond * PACED_PART);
    const paced = await stretch(pool, 0.5, seconds, (length) => load.pace(length, rate));
    return {
      cpu: full.cpu,
      pacedCpu: paced.cpu,
      system: full.system,
      pacedSystem: paced.system,
      sharesPerSecond,
      sharesPerCommit: full.shares / full.commits,
      serverBusy: full.busy,
      full: full.report,
      paced: paced.report,
    };
  } finally {
    await load.close();
    await pool.stop();
  }
}

/** Reads the pool's meters at both ends of the middle of a stretch of load. */
async function stretch(
  pool: PoolHost,
  leadSeconds: number,
  seconds: number,
  begin: (length: number) => Promise<LoadReport>,
) {
  await pool.ask("tip"); // what a channel remembers of earlier shares is forgotten with the tip
  await pause(200);
  const running = begin(leadSeconds + seconds + 0.3);
  await pause(leadSeconds * 1000);
  const before = await pool.ask("read");
  await pause(seconds * 1000);
  const after = await pool.ask("read");
  const report = await running;
  verify(report, await pool.ask("read"));
  const shares = after.recorded - before.recorded;
  const elapsed = (after.at - before.at) / 1000;
  return {
    report,
    shares,
    seconds: elapsed,
    commits: after.commits - before.commits,
    cpu: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / shares,
    system: ((after.systemSeconds - before.systemSeconds) * 1e6) / shares,
    busy: (after.busyMs - before.busyMs) / (1000 * elapsed),
  };
}

/** A figure of a run that lost, refused or invented a share is worth nothing. */
function verify(report: LoadReport, reading: PoolReading): void {
  const { unanswered, rejected, miscounted, lost, lastErrorCode } = report;
  if (unanswered + rejected + miscounted + lost > 0) {
    throw new Error(
      `the load went wrong: ${JSON.stringify({ unanswered, rejected, miscounted, lost, lastErrorCode })}`,
    );
  }
  const { accepted, recorded, stored } = reading;
  if (stored !== recorded || recorded !== accepted) {
    throw new Error(`the pool accepted ${accepted} shares, answered ${recorded} and the store has ${stored}`);
  }
}

function describe(run: Run): string {
  const { cpu, pacedCpu, system, pacedSystem, sharesPerSecond, sharesPerCommit, serverBusy, full, paced } =
    run;
  const { latency } = paced;
  const generator = (full.cpuSeconds * 1e6) / full.sent;
  return [
    `${significant(cpu, 3)} µs a share (${significant(system, 2)} in the kernel) at ${Math.round(sharesPerSecond)}/s`,
    `${Math.round(sharesPerCommit)} a commit`,
    `p99 ${significant(full.latency.p99, 3)} ms with full windows`,
    `at a quarter of it ${significant(pacedCpu, 3)} µs (${significant(pacedSystem, 2)} in the kernel), p50 ${significant(latency.p50, 3)} p99 ${significant(latency.p99, 3)} p99.9 ${significant(latency.p999, 3)} ms, ${paced.skipped} skipped`,
    `pool busy ${percent(serverBusy)}, generator busy ${percent(full.busy)} (${significant(generator, 3)} µs a share)`,
  ].join("; ");
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}
