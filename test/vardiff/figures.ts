import {
  meanOf,
  partWithin,
  quantile,
  ratios,
  retargets,
  settling,
  steadyMiner,
  weightedQuantile,
} from "./measures.ts";
import { type PoolName, pools } from "./pools/pools.ts";
import { type Run, type Scenario, simulate } from "./simulate.ts";

export const HOUR = 3_600;
/** What a target has to come to. */
export const CLOSE = 1.5;

/** Median, nine in ten, ninety-nine in a hundred. */
export interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** How one pool finds the right target. */
export interface SettlingFigure {
  readonly pool: PoolName;
  readonly scenario: Scenario;
  readonly runs: number;
  /** Seconds and accepted shares until the target is first within {@link CLOSE} of the right one. */
  readonly seconds: Quantiles;
  readonly shares: Quantiles;
  /** Part of the time from the tenth minute behind the start on that it is within {@link CLOSE}. */
  readonly within: number;
  /** Changes of the target in the first ten minutes, mean. */
  readonly retargets: number;
}

/** How one pool treats a miner that does not change. */
export interface SteadyFigure {
  readonly pool: PoolName;
  readonly scenario: Scenario;
  readonly runs: number;
  /** Work of a share over the right one's, by time. */
  readonly ratio: { readonly p10: number; readonly p50: number; readonly p90: number };
  readonly within: number;
  readonly retargetsPerHour: number;
  /** Shares a minute, counted over ten minutes. */
  readonly shares: { readonly p10: number; readonly p50: number; readonly p90: number };
  /** Work credited over hashes made, and one standard error. */
  readonly credit: { readonly mean: number; readonly error: number };
}

/** Runs a scenario with seeds of its own. */
export function repeat(pool: PoolName, scenario: Scenario, runs: number, seed: number): Run[] {
  const { open } = pools[pool];
  return Array.from({ length: runs }, (_, index) => simulate(scenario, open, seed + index));
}

/** @param since seconds: when the miner becomes what the target has to be found for */
export function settlingFigure(
  pool: PoolName,
  scenario: Scenario,
  runs: number,
  seed: number,
  since = 0,
): SettlingFigure {
  const done = repeat(pool, scenario, runs, seed);
  const found = done.map((run) => settling(run, CLOSE, since));
  return {
    pool,
    scenario,
    runs,
    seconds: quantiles(found.map(({ seconds }) => seconds)),
    shares: quantiles(found.map(({ shares }) => shares)),
    within: partWithin(
      done.flatMap((run) => ratios(run, since + 600)),
      CLOSE,
    ),
    retargets: meanOf(done.map((run) => retargets(run, since) - retargets(run, since + 600))).mean,
  };
}

/** The first hour, in which the target is found, does not count. */
export function steadyFigure(pool: PoolName, scenario: Scenario, runs: number, seed: number): SteadyFigure {
  const done = repeat(pool, scenario, runs, seed);
  const values = done.flatMap((run) => ratios(run, HOUR));
  const hours = scenario.seconds / HOUR - 1;
  const rates = done.flatMap((run) => tenMinuteRates(run.perMinute));
  return {
    pool,
    scenario,
    runs,
    ratio: {
      p10: weightedQuantile(values, 0.1),
      p50: weightedQuantile(values, 0.5),
      p90: weightedQuantile(values, 0.9),
    },
    within: partWithin(values, CLOSE),
    retargetsPerHour: meanOf(done.map((run) => retargets(run, HOUR) / hours)).mean,
    shares: { p10: quantile(rates, 0.1), p50: quantile(rates, 0.5), p90: quantile(rates, 0.9) },
    credit: meanOf(done.map(({ credited, hashed }) => credited / hashed)),
  };
}

/** Hours 1 to 9 of a miner at 3 TH/s that claims 1 TH/s. */
export function steadyScenario(sharesPerMinute: number): Scenario {
  return steadyMiner(1e12, 3e12, sharesPerMinute, 9 * HOUR);
}

function tenMinuteRates(perMinute: Uint32Array): number[] {
  const rates: number[] = [];
  for (let minute = 60; minute + 10 <= perMinute.length; minute += 10) {
    let sum = 0;
    for (let offset = 0; offset < 10; offset++) sum += perMinute[minute + offset]!;
    rates.push(sum / 10);
  }
  return rates;
}

function quantiles(values: readonly number[]): Quantiles {
  return { p50: quantile(values, 0.5), p90: quantile(values, 0.9), p99: quantile(values, 0.99) };
}
