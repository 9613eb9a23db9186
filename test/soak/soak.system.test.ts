import { expect, it } from "vitest";
import { runSoak } from "./run-soak.ts";

it("honest miners keep their connections and every acknowledged share while the pool is attacked in every way at once", async () => {
  const progress: string[] = [];
  const summary = await runSoak({
    seconds: 3,
    calmSeconds: 1,
    hostile: true,
    honest: 20,
    seed: 1,
    attackCores: 0.3,
    strength: 0.01,
    only: [],
    every: { tip: 1_500, refresh: 500, sample: 1_000, newcomer: 500, probe: 500 },
    warmUpMs: 500,
    arrivalMs: 500,
    settleMs: 500,
    say: (line) => progress.push(line),
  });
  expect(summary.broken, progress.join("\n")).toEqual([]);
  expect(summary.channels).toBe(24);
  expect(summary.tips).toBeGreaterThan(1);
  expect(summary.recorded).toBeGreaterThanOrEqual(summary.acknowledged);
  expect(Object.values(summary.attacks).some(({ attempts }) => attempts > 0)).toBe(true);
}, 120_000);
