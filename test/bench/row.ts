import type { GeneratorShare } from "./generator-share.ts";

/** One line of the result. `ratio` says how many times the baseline the value is better; null where there is none. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly budget: number | null;
  /** The JavaScript stand-in (or the slower curve library) measured in the same run. */
  readonly baseline: number | null;
  readonly ratio: number | null;
  /** How much the load generator worked meanwhile, where it might be what was measured. */
  readonly generator?: GeneratorShare;
}

/** What a measurement is given. */
export interface BenchContext {
  /** Interleaved repetitions; medians are taken over them. */
  readonly repetitions: number;
  /** Length of one stretch of load, seconds. */
  readonly seconds: number;
  /** Miners of the rows about crowds. */
  readonly connections: number;
  /** Where the pool's process writes CPU profiles; undefined: none. */
  readonly profileDir: string | undefined;
  /** A line for people about what is going on. */
  readonly say: (line: string) => void;
}

/** Measures one or more rows. */
export interface Measurement {
  readonly name: string;
  measure(context: BenchContext): Promise<Row[]>;
}

/** A row whose ratio is computed; smaller values are better in every row there is. */
export function row(
  name: string,
  unit: string,
  value: number,
  budget: number | null,
  baseline: number | null = null,
): Row {
  const ratio = baseline === null ? null : significant(baseline / value, 3);
  return {
    ...{ name, unit, budget, ratio },
    value: significant(value, 4),
    baseline: baseline === null ? null : significant(baseline, 4),
  };
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** `12.3 (11.9 … 13.0)`: the median and how far the repetitions lie apart. */
export function spread(values: readonly number[], digits = 3): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => significant(value, digits));
  return `${significant(median(values), digits)} (${low} … ${high})`;
}

/** Rounds to significant digits. */
export function significant(value: number, digits: number): number {
  return Number(value.toPrecision(digits));
}
