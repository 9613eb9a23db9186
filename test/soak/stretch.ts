import { loadavg } from "node:os";
import type { Spread, TallyReading } from "./honest/tally.ts";
import type { PoolMeters } from "./pool/pool-meters.ts";

/** What one stretch of the soak came to. Times in milliseconds, memory in MB, CPU in cores. */
export interface Stretch {
  readonly seconds: number;
  /** Accepted of all answered or lost shares that were not late for a new tip. */
  readonly accept_rate: number;
  readonly sent: number;
  readonly accepted: number;
  /** Refused because a new tip came while they were under way. */
  readonly stale: number;
  /** Refused for any other reason, by code. */
  readonly rejected: Readonly<Record<string, number>>;
  readonly disconnects: Readonly<Record<string, number>>;
  readonly violations: Readonly<Record<string, number>>;
  readonly answer_p50: number;
  readonly answer_p99: number;
  readonly answer_max: number;
  /** From the publication of a tip to its job at an honest miner. */
  readonly tip_p50: number;
  readonly tip_p99: number;
  readonly tip_max: number;
  readonly newcomers: Visitors;
  /** Newcomers from addresses that attackers use, too. */
  readonly neighbours: Visitors;
  readonly probes: TallyReading["probes"];
  readonly pool_cores: number;
  /** Highest 99th percentile of a sample. */
  readonly pool_loop_p99: number;
  /** Part of the time in which the pool's main thread was ready but had no CPU: the machine's fault. Null if unknown. */
  readonly pool_starved: number | null;
  readonly pool_rss_start: number;
  readonly pool_rss_end: number;
  readonly pool_rss_max: number;
  readonly miners_cores: number;
  /** Of the honest miners' own process: latencies can be that much too high. */
  readonly miners_loop_p99: number;
  readonly miners_rss_end: number;
  readonly attackers_cores: number;
  readonly attackers_rss_end: number;
  /** Machine's load at the end, with everything else that runs on it. */
  readonly load: number;
}

/** Newcomers of a stretch. */
export interface Visitors {
  readonly n: number;
  readonly failed: Readonly<Record<string, number>>;
  readonly ready_p50: number;
  readonly ready_max: number;
}

/** A look at all processes. */
export interface Sample {
  readonly pool: PoolMeters;
  /** See `cpuWait`. */
  readonly poolWait: number | undefined;
  readonly minersLoopP99Ms: number;
  readonly minersRssMb: number;
  /** Seconds since the attackers' start. */
  readonly attackersCpu: number;
  readonly attackersRssMb: number;
}

/** Adds a stretch up. @param samples the first is from its start, the last from its end */
export function stretchOf(samples: readonly Sample[], tally: TallyReading): Stretch {
  const [first, last] = [samples[0]!, samples.at(-1)!];
  const seconds = (last.pool.at - first.pool.at) / 1000;
  const { "stale-share": stale = 0, ...rejected } = tally.rejected;
  const refused = Object.values(rejected).reduce((sum, n) => sum + n, 0);
  const most = (read: (sample: Sample) => number) => Math.max(0, ...samples.slice(1).map(read));
  return {
    seconds: round(seconds),
    accept_rate: tally.accepted / Math.max(1, tally.accepted + refused + tally.cut),
    sent: tally.sent,
    accepted: tally.accepted,
    stale,
    rejected,
    disconnects: tally.disconnects,
    violations: tally.violations,
    ...named("answer", tally.answer),
    ...named("tip", tally.tip),
    newcomers: visitors(tally.newcomers),
    neighbours: visitors(tally.neighbours),
    probes: tally.probes,
    pool_cores: round((last.pool.cpuSeconds - first.pool.cpuSeconds) / seconds, 3),
    pool_loop_p99: round(most(({ pool }) => pool.loopP99Ms)),
    pool_starved: starved(first.poolWait, last.poolWait, seconds),
    pool_rss_start: round(first.pool.rssMb),
    pool_rss_end: round(last.pool.rssMb),
    pool_rss_max: round(Math.max(...samples.map(({ pool }) => pool.rssMb))),
    miners_cores: round(tally.cpuSeconds / tally.seconds, 3),
    miners_loop_p99: round(most(({ minersLoopP99Ms }) => minersLoopP99Ms)),
    miners_rss_end: round(last.minersRssMb),
    attackers_cores: round((last.attackersCpu - first.attackersCpu) / seconds, 3),
    attackers_rss_end: round(last.attackersRssMb),
    load: round(loadavg()[0] ?? 0),
  };
}

function starved(before: number | undefined, after: number | undefined, seconds: number): number | null {
  return before === undefined || after === undefined ? null : round((after - before) / seconds, 3);
}

/** MB an hour by least squares over the second half of the samples; null when they cover less than ten minutes. */
export function growthPerHour(samples: readonly Sample[]): number | null {
  const half = samples.slice(Math.floor(samples.length / 2)).map(({ pool }) => pool);
  const span = (half.at(-1)?.at ?? 0) - (half[0]?.at ?? 0);
  if (span < 600_000) return null;
  const mean = (read: (meters: PoolMeters) => number) =>
    half.reduce((sum, meters) => sum + read(meters), 0) / half.length;
  const [at, mb] = [mean((meters) => meters.at), mean((meters) => meters.rssMb)];
  const covariance = half.reduce((sum, meters) => sum + (meters.at - at) * (meters.rssMb - mb), 0);
  const variance = half.reduce((sum, meters) => sum + (meters.at - at) ** 2, 0);
  return round((covariance / variance) * 3_600_000);
}

function named<N extends string>(
  name: N,
  { p50, p99, max }: Spread,
): Record<`${N}_p50` | `${N}_p99` | `${N}_max`, number> {
  const figures = { [`${name}_p50`]: round(p50), [`${name}_p99`]: round(p99), [`${name}_max`]: round(max) };
  return figures as Record<`${N}_p50` | `${N}_p99` | `${N}_max`, number>;
}

function visitors({ n, failed, ready }: TallyReading["newcomers"]): Visitors {
  return { n, failed, ready_p50: round(ready.p50), ready_max: round(ready.max) };
}

export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}
