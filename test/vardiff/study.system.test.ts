import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { documentPath, tableLines, withTables } from "./document.ts";
import { CLOSE, HOUR, repeat, settlingFigure, steadyFigure, steadyScenario } from "./figures.ts";
import { meanOf, quantile, ratios, retargets, settling, steadyMiner, weightedQuantile } from "./measures.ts";
import { pools } from "./pools/pools.ts";
import { type Scenario, simulate } from "./simulate.ts";
import {
  type Case,
  changeCases,
  claimCases,
  DEFAULT_SEED,
  settle,
  speedCases,
  steadyRow,
  wrongClaimCases,
} from "./study.ts";
import { rowLine, settlingCells, steadyCells } from "./tables.ts";

const text = readFileSync(documentPath, "utf8");
/** Chances that docs/vardiff.md has not seen. */
const SEED = 77_000_000;
/** Seconds of work on a busy machine. */
const PATIENCE_MS = 120_000;

describe("docs/vardiff.md", () => {
  // A few rows stand for all: running the whole study takes too long for a test. `npm run study:vardiff -- --write-docs`
  // brings the page up to date.
  const chosen: [table: string, cases: readonly Case[], name: string, pool: Case["pool"]][] = [
    ["claims", claimCases(), "0.5 MH/s", "lode"],
    ["claims", claimCases(), "100 TH/s", "lode"],
    ["claims", claimCases(), "1 GH/s", "reference"],
    ["claims", claimCases(), "100 TH/s", "ckpool"],
    ["speeds", speedCases(), "1 GH/s at 18 a minute", "lode"],
    ["wrong", wrongClaimCases(), "10³ times too low", "lode"],
    ["changes", changeCases(), "loses two boards of three", "lode"],
    ["changes", changeCases(), "is silent for an hour, comes back", "lode"],
  ];

  it.each(chosen.map(([table, cases, name, pool]) => ({ table, cases, name, pool })))(
    "has in $table what the study finds: $name on $pool",
    ({ table, cases, name, pool }) => {
      const row = cases.find((candidate) => candidate.name === name && candidate.pool === pool)!;
      expect(tableLines(text, table)).toContain(rowLine(settlingCells(settle(row, DEFAULT_SEED))));
    },
    PATIENCE_MS,
  );

  it.each(["lode", "reference", "ckpool"] as const)(
    "has what the study finds of a steady miner on %s",
    (pool) => {
      expect(tableLines(text, "steady")).toContain(rowLine(steadyCells(steadyRow(pool, 6, DEFAULT_SEED))));
    },
  );

  it("has a row for every case", () => {
    const names = {
      claims: claimCases(),
      speeds: speedCases(),
      wrong: wrongClaimCases(),
      changes: changeCases(),
    };
    for (const [table, cases] of Object.entries(names)) {
      const found = tableLines(text, table).slice(2);
      expect(found.map((line) => line.split(" | ")[0]?.slice(2))).toEqual(cases.map(({ name }) => name));
    }
  });

  it("shows plots that are there", () => {
    const images = [...text.matchAll(/\]\((img\/[a-z-]+\.svg)\)/g)].map(([, path]) => path!);
    expect(images).toHaveLength(3);
    for (const path of images) expect(existsSync(new URL(path, documentPath))).toBe(true);
  });

  it("is written between its markers only", () => {
    const page = "a\n<!-- study:x -->\nold\n<!-- /study -->\nb";
    expect(withTables(page, { x: "new" })).toBe("a\n<!-- study:x -->\nnew\n<!-- /study -->\nb");
    expect(() => withTables(page, { y: "new" })).toThrow("no block y");
  });
});

describe("vardiff at six shares a minute", () => {
  // Seconds: median and nine in ten, with room over what docs/vardiff.md says.
  it.each([
    ["0.5 MH/s", 5e5, 90, 220],
    ["1 GH/s", 1e9, 60, 160],
    ["100 GH/s", 1e11, 80, 260],
    ["1 TH/s", 1e12, 1, 1],
    ["10 TH/s", 1e13, 30, 140],
    ["100 TH/s", 1e14, 5, 100],
    ["5 PH/s", 5e15, 8, 90],
  ])("finds %s behind a claim of 1 TH/s", (_, hashrate, median, nine) => {
    const figure = settlingFigure("lode", steadyMiner(1e12, hashrate, 6, HOUR), 100, SEED);
    expect(figure.seconds.p50).toBeLessThanOrEqual(median);
    expect(figure.seconds.p90).toBeLessThanOrEqual(nine);
    expect(figure.within).toBeGreaterThan(0.98);
    expect(figure.retargets).toBeLessThan(20);
    // A few shares; a flood is the first seconds' worth.
    expect(figure.shares.p50).toBeLessThan(hashrate > 1e15 ? 1_200 : 24);
  });

  it("needs a fraction of the reference pool's time where the claim is far off", () => {
    for (const hashrate of [5e5, 1e9, 1e14]) {
      const scenario = steadyMiner(1e12, hashrate, 6, HOUR);
      const [lode, reference] = (["lode", "reference"] as const).map(
        (pool) => settlingFigure(pool, scenario, 20, SEED).seconds,
      );
      expect(lode!.p50).toBeLessThan(reference!.p50 / 4);
      expect(lode!.p90).toBeLessThan(reference!.p90 / 2);
    }
  });

  it("holds still for a steady miner, and near the right target", () => {
    const figure = steadyFigure("lode", steadyScenario(6), 30, SEED);
    expect(figure.retargetsPerHour).toBeLessThan(0.8);
    expect(figure.within).toBeGreaterThan(0.99);
    expect(figure.ratio.p10).toBeGreaterThan(0.82);
    expect(figure.ratio.p90).toBeLessThan(1.2);
    expect(figure.shares.p50).toBeGreaterThan(5.5);
    expect(figure.shares.p50).toBeLessThan(6.5);
  });

  it("never swings: after the first hour a target goes back and forth between neighbours only", () => {
    const runs = repeat("lode", steadyScenario(6), 30, SEED);
    const values = runs.flatMap((run) => ratios(run, HOUR));
    expect(weightedQuantile(values, 0.005)).toBeGreaterThan(0.55);
    expect(weightedQuantile(values, 0.995)).toBeLessThan(1.8);
  });

  it("credits what was hashed, whatever the target did", () => {
    const falling: Scenario["truth"] = [
      { from: 0, hashrate: 5e13 },
      { from: 900, hashrate: 1e12 },
    ];
    const runs = repeat(
      "lode",
      { claim: 1e12, truth: falling, seconds: HOUR, sharesPerMinute: 6 },
      200,
      SEED,
    );
    const { mean, error } = meanOf(runs.map(({ credited, hashed }) => credited / hashed));
    expect(Math.abs(mean - 1)).toBeLessThan(4 * error + 0.002);
    expect(runs.every(({ lost }) => lost === 0)).toBe(true);
  });

  it("follows a miner that loses two boards of three, and one that gets them back", () => {
    const truth = [
      { from: 0, hashrate: 3e12 },
      { from: HOUR, hashrate: 1e12 },
      { from: 2 * HOUR, hashrate: 3e12 },
    ];
    const runs = repeat("lode", { claim: 1e12, truth, seconds: 3 * HOUR, sharesPerMinute: 6 }, 100, SEED);
    const at = (since: number) => runs.map((run) => settling(run, CLOSE, since).seconds);
    expect(quantile(at(HOUR), 0.5)).toBeLessThan(330);
    expect(quantile(at(HOUR), 0.9)).toBeLessThan(700);
    expect(quantile(at(2 * HOUR), 0.5)).toBeLessThan(130);
    expect(quantile(at(2 * HOUR), 0.9)).toBeLessThan(300);
  });

  it("makes no flood of a miner that was silent for an hour", () => {
    const truth = [
      { from: 0, hashrate: 1e14 },
      { from: HOUR, hashrate: 0 },
      { from: 2 * HOUR, hashrate: 1e14 },
    ];
    const scenario = { claim: 1e12, truth, seconds: 2.5 * HOUR, sharesPerMinute: 6 };
    for (const run of repeat("lode", scenario, 30, SEED)) {
      expect(retargets(run, HOUR) - retargets(run, 2 * HOUR)).toBeLessThan(10);
      expect(run.perMinute[120]).toBeLessThan(150);
    }
  });

  it("is deaf to refused shares: the same shares make the same targets", () => {
    const plain = steadyScenario(6);
    const noisy = { ...plain, refused: 1 };
    const targets = (scenario: Scenario) =>
      repeat("lode", scenario, 20, SEED).map((run) => weightedQuantile(ratios(run, HOUR), 0.5));
    // Other random numbers are drawn, so only the distributions can be compared.
    expect(Math.abs(quantile(targets(noisy), 0.5) / quantile(targets(plain), 0.5) - 1)).toBeLessThan(0.1);
    expect(steadyFigure("lode", noisy, 10, SEED).retargetsPerHour).toBeLessThan(1);
  });

  it("bears slow links and miners that are slow to change their job", () => {
    for (const rough of [{ latencyMs: 3_000 }, { switchMs: 15_000 }]) {
      const figure = steadyFigure("lode", { ...steadyScenario(6), ...rough }, 20, SEED);
      expect(figure.within).toBeGreaterThan(0.985);
      expect(figure.retargetsPerHour).toBeLessThan(1);
    }
  });
});

describe("the simulation", () => {
  it("is the same for the same seed, and another for another", () => {
    const scenario = steadyMiner(1e12, 1e13, 6, HOUR);
    const steps = (seed: number) => simulate(scenario, pools.lode.open, seed).steps;
    expect(steps(1)).toEqual(steps(1));
    expect(steps(1)).not.toEqual(steps(2));
  });

  it("finds as many shares as the rate and the work of a share say", () => {
    const fixed = { job: { id: 1, work: 1e13 }, wakeAt: Infinity, wake() {}, submit: () => 1e13 };
    const counts = Array.from(
      { length: 40 },
      (_, seed) => simulate(steadyMiner(0, 1e12, 6, 10 * HOUR), () => fixed, seed).accepted,
    );
    const { mean } = meanOf(counts);
    expect(Math.abs(mean - 3_600)).toBeLessThan(4 * Math.sqrt(3_600 / 40));
    const variance = meanOf(counts.map((count) => (count - mean) ** 2)).mean;
    expect(variance / 3_600).toBeGreaterThan(0.5);
    expect(variance / 3_600).toBeLessThan(1.7);
  });
});
