import type { Allowance } from "../connection/limits.ts";

/** What came lately from one block. */
interface Arrivals {
  count: number;
  /** When `count` was right, monotonic milliseconds. */
  at: number;
}

/** Blocks remembered; the longest quiet are forgotten first. */
const ENTRIES = 10_000;

/** How fast new connections may come from each address block: a bucket per block that refills in time. */
export class ArrivalRate {
  readonly #allowance: Allowance;
  /** In the order of their last arrival; blocks whose bucket is full again are forgotten. */
  readonly #blocks = new Map<string, Arrivals>();

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  /** Blocks that are remembered. */
  get size(): number {
    return this.#blocks.size;
  }

  /**
   * Counts an arrival if there is room for it.
   *
   * @param now monotonic milliseconds
   */
  admit(block: string, now: number): boolean {
    const known = this.#blocks.get(block);
    const count = known === undefined ? 0 : this.#left(known, now);
    if (count + 1 > this.#allowance.burst) return false;
    this.#blocks.delete(block);
    this.#blocks.set(block, { count: count + 1, at: now });
    for (const [key, arrivals] of this.#blocks) {
      if (this.#blocks.size <= ENTRIES && this.#left(arrivals, now) > 0) break;
      this.#blocks.delete(key);
    }
    return true;
  }

  #left({ count, at }: Arrivals, now: number): number {
    return Math.max(0, count - ((now - at) / 1000) * this.#allowance.perSecond);
  }
}
