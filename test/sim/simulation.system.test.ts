import { describe, expect, it } from "vitest";
import { type BugName, plantedBugs } from "./planted-bugs.ts";
import { type Outcome, simulate } from "./simulation.ts";

/** A build machine under load takes its time; the figures are bounds on effort, not on speed. */
const PATIENCE_MS = 120_000;
const STEPS = 300;

/** The first seed that fails, of at most `seeds`. */
async function firstFailure(bug: BugName, seeds: number): Promise<Outcome | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const outcome = await simulate({ seed, steps: STEPS, bug });
    if (outcome.violation !== null) return outcome;
  }
  return undefined;
}

describe("the simulated pool", () => {
  it("keeps every invariant, whatever happens to it and around it", { timeout: PATIENCE_MS }, async () => {
    const totals = { steps: 0, crashes: 0, shares: 0, blocks: 0, faults: 0 };
    const reached = new Set<string>();
    for (let seed = 1; seed <= 30; seed++) {
      const outcome = await simulate({ seed, steps: STEPS });
      expect(outcome.violation, `seed ${seed}: ${outcome.events.slice(-10).join("\n")}`).toBeNull();
      for (const what of outcome.reached.keys()) reached.add(what);
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += outcome[name];
    }
    expect(totals.steps).toBe(30 * STEPS);
    // A run in which nothing happens proves nothing.
    expect(totals.crashes).toBeGreaterThan(10);
    expect(totals.shares).toBeGreaterThan(1_000);
    expect(totals.blocks).toBeGreaterThan(50);
    expect(totals.faults).toBeGreaterThan(200);
    for (const what of [
      "block accepted-share",
      "block stale-share",
      "block solo",
      "group of a second script",
      "end draining",
      "end shares-not-recorded",
      "not-ready shares-not-recorded",
      "not-ready template-outage",
      "opening channel-capacity-exhausted",
      "opening pool-not-ready",
      "share difficulty-too-low",
      "share duplicate-share",
      "share invalid-job-id",
      "share stale-share",
    ]) {
      expect([...reached], what).toContain(what);
    }
  });

  it("does the same again for the same seed", { timeout: PATIENCE_MS }, async () => {
    const first = await simulate({ seed: 4_242, steps: STEPS });
    const other = await simulate({ seed: 4_243, steps: STEPS });
    const again = await simulate({ seed: 4_242, steps: STEPS });
    expect({ ...again }).toEqual({ ...first });
    expect(first.trace).toMatch(/^[0-9a-f]{64}$/);
    expect(other.trace).not.toBe(first.trace);
  });

  it("is found answering before the commit, and repeats the finding", { timeout: PATIENCE_MS }, async () => {
    const found = await firstFailure("answer-before-commit", 1_000);
    expect(found?.violation?.invariant).toBe("answered-recorded");
    const again = await simulate({ seed: found!.seed, steps: STEPS, bug: "answer-before-commit" });
    expect(again).toEqual(found);
  });

  const others = (Object.keys(plantedBugs) as BugName[]).filter((name) => name !== "answer-before-commit");
  it.each(others)("is found out with the planted bug %s", { timeout: PATIENCE_MS }, async (bug) => {
    const found = await firstFailure(bug, 100);
    expect(plantedBugs[bug].noticedBy).toContain(found?.violation?.invariant);
  });
});
