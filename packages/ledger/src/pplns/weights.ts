import { leastCommonMultiple } from "./rational.ts";
import type { Window } from "./window.ts";

/** What one expected hash at one difficulty weighs: in a slice that counts in full, and in the boundary slice. */
export interface WeightFactors {
  readonly full: bigint;
  readonly boundary: bigint;
}

/**
 * Turns credited work into integer weights that are exact and comparable: an entry's weight is the sum over its slices of
 * phi * credited / netWork, times a factor that is the same for all entries.
 */
export class WeightScale {
  readonly #factors = new Map<bigint, WeightFactors>();

  /** @param netWorks every difficulty that occurs in the window, as expected hashes of a block */
  constructor(window: Pick<Window, "boundary">, netWorks: Iterable<bigint>) {
    const distinct = new Set(netWorks);
    const common = leastCommonMultiple(distinct);
    const phi = window.boundary?.phi ?? { num: 0n, den: 1n };
    for (const netWork of distinct) {
      const scaled = common / netWork;
      this.#factors.set(netWork, { full: scaled * phi.den, boundary: scaled * phi.num });
    }
  }

  /** @throws RangeError for a difficulty that was not announced */
  factors(netWork: bigint): WeightFactors {
    const factors = this.#factors.get(netWork);
    if (factors === undefined) throw new RangeError("a difficulty outside the window");
    return factors;
  }
}
