import { leastCommonMultiple } from "./rational.ts";
import type { Window } from "./window.ts";

/** Credited work of one account and fee class, as the parts of a window that were mined at one difficulty. */
export interface WindowPart {
  /** Expected hashes of a block. */
  readonly netWork: bigint;
  /** Credited work in slices that count in full. */
  readonly full: bigint;
  /** Credited work in the boundary slice; 0 unless it is of this difficulty. */
  readonly boundary: bigint;
}

/**
 * Turns credited work into integer weights that are exact and comparable: the weight of an entry is the sum over its parts
 * of (full + phi * boundary) / netWork, times a factor that is the same for all entries.
 */
export class WeightScale {
  readonly #factors = new Map<bigint, { full: bigint; boundary: bigint }>();

  /** @param netWorks every difficulty that occurs in the window */
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
  weigh(part: WindowPart): bigint {
    const factor = this.#factors.get(part.netWork);
    if (factor === undefined) throw new RangeError("a difficulty outside the window");
    return part.full * factor.full + part.boundary * factor.boundary;
  }
}
