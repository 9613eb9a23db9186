import {
  HOUR,
  type SettlingFigure,
  type SteadyFigure,
  settlingFigure,
  steadyFigure,
  steadyScenario,
} from "./figures.ts";
import { steadyMiner } from "./measures.ts";
import { type PoolName, poolNames } from "./pools/pools.ts";
import type { Scenario } from "./simulate.ts";

/** A row of a table about settling. */
export interface Case {
  readonly name: string;
  readonly pool: PoolName;
  readonly scenario: Scenario;
  readonly runs: number;
  /** Seconds; the miner is another one from here on. */
  readonly since: number;
}

/** Everything the study found. */
export interface Study {
  readonly seed: number;
  readonly claims: readonly Named<SettlingFigure>[];
  readonly speeds: readonly Named<SettlingFigure>[];
  readonly wrong: readonly Named<SettlingFigure>[];
  readonly changes: readonly Named<SettlingFigure>[];
  readonly steady: readonly Named<SteadyFigure>[];
  readonly rough: readonly Named<SteadyFigure>[];
}

export type Named<T> = T & { readonly name: string };

export const DEFAULT_SEED = 1;
const LODE_RUNS = 400;
const BASELINE_RUNS = 100;
/** Runs in which a baseline is flooded with tens of thousands of shares, and with millions. */
const FLOOD_RUNS = 20;
const DELUGE_RUNS = 3;
const STEADY_RUNS = 60;

/** What firmware that always says 1 TH/s may really have. */
export const trueRates: readonly (readonly [name: string, hashrate: number])[] = [
  ["0.5 MH/s", 5e5],
  ["1 GH/s", 1e9],
  ["100 GH/s", 1e11],
  ["1 TH/s", 1e12],
  ["10 TH/s", 1e13],
  ["100 TH/s", 1e14],
  ["5 PH/s", 5e15],
];

/** Rates of shares that are looked at besides the default. */
const SPEEDS = [1, 6, 18, 60];

/** A claim of 1 TH/s at six shares a minute, for every pool. */
export function claimCases(): Case[] {
  return trueRates.flatMap(([name, hashrate]) =>
    poolNames.map((pool) => ({
      name,
      pool,
      scenario: steadyMiner(1e12, hashrate, 6, 2 * HOUR),
      runs: pool === "lode" ? LODE_RUNS : hashrate > 1e13 ? FLOOD_RUNS : BASELINE_RUNS,
      since: 0,
    })),
  );
}

/** The same on Lode at other rates of shares. */
export function speedCases(): Case[] {
  const chosen = trueRates.filter(([, hashrate]) => [1e9, 1e12, 1e14].includes(hashrate));
  return SPEEDS.filter((speed) => speed !== 6).flatMap((speed) =>
    chosen.map(([name, hashrate]) => ({
      name: `${name} at ${speed} a minute`,
      pool: "lode" as const,
      scenario: steadyMiner(1e12, hashrate, speed, 2 * HOUR),
      runs: LODE_RUNS / 2,
      since: 0,
    })),
  );
}

/** Other claims than 1 TH/s, on Lode: right, none, and wrong by up to a million. */
export function wrongClaimCases(): Case[] {
  const cases: [string, number, number][] = [
    ["right, 1 TH/s", 1e12, 1e12],
    ["right, 200 TH/s", 2e14, 2e14],
    ["0, really 1 TH/s", 0, 1e12],
    ["10⁶ times too high", 1e15, 1e9],
    ["10³ times too high", 1e15, 1e12],
    ["10³ times too low", 1e11, 1e14],
    ["10⁶ times too low", 1e9, 1e15],
  ];
  return cases.map(([name, claim, hashrate]) => ({
    name,
    pool: "lode" as const,
    scenario: steadyMiner(claim, hashrate, 6, 2 * HOUR),
    runs: LODE_RUNS / 2,
    since: 0,
  }));
}

/** Miners that change after two hours. */
export function changeCases(): Case[] {
  const at = 2 * HOUR;
  const cases: [string, Scenario["truth"], number][] = [
    ["loses two boards of three", phases([0, 3e12], [at, 1e12]), at],
    ["gets them back an hour later", phases([0, 3e12], [at, 1e12], [at + HOUR, 3e12]), at + HOUR],
    ["loses nine tenths", phases([0, 3e12], [at, 3e11]), at],
    ["grows tenfold", phases([0, 3e12], [at, 3e13]), at],
    ["is silent for an hour, comes back", phases([0, 3e12], [at, 0], [at + HOUR, 3e12]), at + HOUR],
    ["silent for an hour, comes back at a tenth", phases([0, 3e12], [at, 0], [at + HOUR, 3e11]), at + HOUR],
  ];
  return cases.flatMap(([name, truth, since]) =>
    poolNames.map((pool) => ({
      name,
      pool,
      scenario: { claim: 1e12, truth, seconds: since + 2 * HOUR, sharesPerMinute: 6 },
      runs:
        pool === "lode"
          ? LODE_RUNS / 2
          : pool === "reference" && name.includes("silent")
            ? DELUGE_RUNS
            : BASELINE_RUNS,
      since,
    })),
  );
}

/** Runs the whole study: equal seeds, equal figures. */
export function runStudy(seed: number, onPart: (name: string) => void = () => {}): Study {
  const part = <T>(name: string, run: () => T): T => {
    onPart(name);
    return run();
  };
  return {
    seed,
    claims: part("claims", () => claimCases().map((row) => settle(row, seed))),
    speeds: part("speeds", () => speedCases().map((row) => settle(row, seed))),
    wrong: part("wrong", () => wrongClaimCases().map((row) => settle(row, seed))),
    changes: part("changes", () => changeCases().map((row) => settle(row, seed))),
    steady: part("steady", () =>
      SPEEDS.flatMap((speed) => poolNames.map((pool) => steadyRow(pool, speed, seed))),
    ),
    rough: part("rough", () => roughCases().map(([name, scenario]) => roughRow(name, scenario, seed))),
  };
}

/** One row about settling. */
export function settle(row: Case, seed: number): Named<SettlingFigure> {
  return { name: row.name, ...settlingFigure(row.pool, row.scenario, row.runs, seed * 10_000, row.since) };
}

/** One row about a miner that does not change. */
export function steadyRow(pool: PoolName, sharesPerMinute: number, seed: number): Named<SteadyFigure> {
  const runs = sharesPerMinute > 18 ? STEADY_RUNS / 3 : STEADY_RUNS;
  return {
    name: `${sharesPerMinute}`,
    ...steadyFigure(pool, steadyScenario(sharesPerMinute), runs, seed * 10_000),
  };
}

function roughCases(): (readonly [string, Scenario])[] {
  const plain = steadyScenario(6);
  return [
    ["a link of 50 ms", plain],
    ["a link of 3 s each way", { ...plain, latencyMs: 3_000 }],
    ["a link that stalls for 20 s every 10 min", { ...plain, stalls: { everyMs: 600_000, forMs: 20_000 } }],
    ["the same at 60 a minute", { ...steadyScenario(60), stalls: { everyMs: 600_000, forMs: 20_000 } }],
    ["works on the last job for 15 s", { ...plain, switchMs: 15_000 }],
    ["one refused share for every four", { ...plain, refused: 0.25 }],
    ["one refused share for every share", { ...plain, refused: 1 }],
  ];
}

function roughRow(name: string, scenario: Scenario, seed: number): Named<SteadyFigure> {
  return { name, ...steadyFigure("lode", scenario, STEADY_RUNS, seed * 10_000) };
}

function phases(...list: readonly (readonly [from: number, hashrate: number])[]): Scenario["truth"] {
  return list.map(([from, hashrate]) => ({ from, hashrate }));
}
