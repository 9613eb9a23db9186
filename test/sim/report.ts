import type { SimulationRequest } from "./command-line.ts";
import type { Outcome } from "./simulation.ts";
import { invariants } from "./world/world.ts";

/** Sums over all seeds of a run; `faults`, `crashes`, `shares` and `blocks` as in {@link Outcome}. */
export interface Totals {
  steps: number;
  faults: number;
  crashes: number;
  shares: number;
  blocks: number;
  violations: number;
}

/** Nothing yet. */
export function noTotals(): Totals {
  return { steps: 0, faults: 0, crashes: 0, shares: 0, blocks: 0, violations: 0 };
}

/** What a seed, finished or not, adds to those before it. */
export function addOutcome(totals: Totals, outcome: Outcome): Totals {
  return {
    steps: totals.steps + outcome.steps,
    faults: totals.faults + outcome.faults,
    crashes: totals.crashes + outcome.crashes,
    shares: totals.shares + outcome.shares,
    blocks: totals.blocks + outcome.blocks,
    violations: totals.violations + (outcome.violation === null ? 0 : 1),
  };
}

/** A failure for people: what did not hold, what happened before, how to see it again. */
export function describeFailure(outcome: Outcome, { steps, bug }: SimulationRequest): string {
  const { seed, violation, events } = outcome;
  if (violation === null) return "";
  const repeat = `npm run sim -- --seed ${seed} --steps ${steps}${bug === null ? "" : ` --bug ${bug}`}`;
  return [
    `seed ${seed} FAILED in step ${outcome.steps}, after ${(violation.at / 1000).toFixed(3)} s of virtual time`,
    `  ${violation.invariant}: ${invariants[violation.invariant]}`,
    `  ${violation.detail}`,
    "  what happened before (milliseconds of virtual time):",
    ...events.map((event) => `    ${event}`),
    `  repeat: ${repeat}`,
    "",
  ].join("\n");
}

/** The result for people. */
export function describeTotals(totals: Totals, { seed, seeds }: SimulationRequest, trace: string): string {
  const what = seeds === 1 ? `seed ${seed}` : `seeds ${seed} to ${seed + seeds - 1}`;
  const counts = Object.entries(totals).map(([name, count]) => `${count} ${name}`);
  return `${what}: ${counts.join(", ")}\n${seeds === 1 ? `trace ${trace}\n` : ""}`;
}

/** One line for a terminal or a log, while it goes on. */
export function describeProgress(totals: Totals, stepsInAll: number, seconds: number): string {
  const percent = ((100 * totals.steps) / stepsInAll).toFixed(1);
  const rate = Math.round(totals.steps / seconds);
  const { steps, crashes, shares, blocks } = totals;
  return `${percent} %  ${steps} steps  ${shares} shares  ${blocks} blocks  ${crashes} crashes  ${rate} steps/s\n`;
}
