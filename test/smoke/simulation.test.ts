import { expect, it } from "vitest";
import { simulate } from "../sim/simulation.ts";

const STEPS = 300;

it.each([1, 2, 3, 4, 5])("the simulated pool keeps every invariant with seed %i", async (seed) => {
  const { violation, shares, faults } = await simulate({ seed, steps: STEPS });
  expect(violation).toBeNull();
  expect(shares).toBeGreaterThan(0);
  expect(faults).toBeGreaterThan(0);
});

it("a pool that answers before the commit is found out", async () => {
  const found: (string | undefined)[] = [];
  for (let seed = 1; seed <= 20; seed++) {
    found.push((await simulate({ seed, steps: STEPS, bug: "answer-before-commit" })).violation?.invariant);
  }
  expect(found).toContain("answered-recorded");
});
