import { type Run, rightWork, type Scenario } from "./simulate.ts";

/** When a target came close to the right one. */
export interface Settling {
  /** Seconds; Infinity when it never did. */
  readonly seconds: number;
  /** Shares accepted until then. */
  readonly shares: number;
}

/** Time and shares from `since` (seconds) until the target in force is first within `factor` of the right one. */
export function settling(run: Run, factor: number, since = 0): Settling {
  const start = run.steps.findLast(({ at }) => at <= since)!;
  const sharesBefore = since === 0 ? 0 : sharesUntil(run, since);
  for (const step of run.steps) {
    const at = Math.max(step.at, since);
    if (step.at < start.at) continue;
    if (!isWithin(step.work / rightWork(run.scenario, at), factor)) continue;
    return { seconds: at - since, shares: step === start ? 0 : step.shares - sharesBefore };
  }
  return { seconds: Number.POSITIVE_INFINITY, shares: Number.POSITIVE_INFINITY };
}

/** How long each ratio of the target's work to the right one was in force, in a stretch of time. */
export interface Weighted {
  readonly value: number;
  readonly weight: number;
}

/** Ratios of the work of a share in force to the right one, weighted by seconds, between two times. */
export function ratios(run: Run, from: number, to = run.scenario.seconds): Weighted[] {
  const found: Weighted[] = [];
  run.steps.forEach(({ at, work }, index) => {
    const until = Math.min(run.steps[index + 1]?.at ?? to, to);
    const weight = until - Math.max(at, from);
    if (weight > 0) found.push({ value: work / rightWork(run.scenario, until - 0.001), weight });
  });
  return found;
}

/** Ratio of the work of a share in force to the right one at a time. */
export function ratioAt(run: Run, seconds: number): number {
  return run.steps.findLast(({ at }) => at <= seconds)!.work / rightWork(run.scenario, seconds);
}

/** New targets after `from`, seconds. */
export function retargets(run: Run, from = 0): number {
  return run.steps.filter(({ at }) => at > from).length;
}

/** Part of the weight within `factor` of 1. */
export function partWithin(values: readonly Weighted[], factor: number): number {
  let inside = 0;
  let all = 0;
  for (const { value, weight } of values) {
    all += weight;
    if (isWithin(value, factor)) inside += weight;
  }
  return inside / all;
}

/** The value below which the part `p` of the weight lies. */
export function weightedQuantile(values: readonly Weighted[], p: number): number {
  const sorted = values.toSorted((a, b) => a.value - b.value);
  const all = sorted.reduce((sum, { weight }) => sum + weight, 0);
  let below = 0;
  for (const { value, weight } of sorted) {
    below += weight;
    if (below >= p * all) return value;
  }
  return sorted.at(-1)!.value;
}

/** {@link weightedQuantile} of values that weigh the same. */
export function quantile(values: readonly number[], p: number): number {
  return weightedQuantile(
    values.map((value) => ({ value, weight: 1 })),
    p,
  );
}

/** Mean, and how far it may be off by chance (one standard error). */
export function meanOf(values: readonly number[]): { mean: number; error: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / (values.length - 1) / values.length) };
}

/** A scenario without change. */
export function steadyMiner(
  claim: number,
  hashrate: number,
  sharesPerMinute: number,
  seconds: number,
): Scenario {
  return { claim, truth: [{ from: 0, hashrate }], seconds, sharesPerMinute };
}

function sharesUntil(run: Run, seconds: number): number {
  let sum = 0;
  for (let minute = 0; minute < Math.floor(seconds / 60); minute++) sum += run.perMinute[minute]!;
  return sum;
}

function isWithin(ratio: number, factor: number): boolean {
  return ratio < factor && ratio > 1 / factor;
}
