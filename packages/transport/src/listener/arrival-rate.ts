import type { Allowance } from "../connection/limits.ts";

/** What came lately from one subnet. */
interface Arrivals {
  count: number;
  /** When `count` was right, monotonic milliseconds. */
  at: number;
}

/** Subnets remembered; the longest quiet are forgotten first. */
const ENTRIES = 10_000;

/** How fast new connections may come from each subnet: a bucket per subnet that refills in time. */
export class ArrivalRate {
  readonly #allowance: Allowance;
  /** In the order of their last arrival; subnets whose bucket is full again are forgotten. */
  readonly #subnets = new Map<string, Arrivals>();

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  /** Subnets that are remembered. */
  get size(): number {
    return this.#subnets.size;
  }

  /**
   * Counts an arrival if there is room for it.
   *
   * @param now monotonic milliseconds
   */
  admit(subnet: string, now: number): boolean {
    const known = this.#subnets.get(subnet);
    const count = known === undefined ? 0 : this.#left(known, now);
    if (count + 1 > this.#allowance.burst) return false;
    this.#subnets.delete(subnet);
    this.#subnets.set(subnet, { count: count + 1, at: now });
    for (const [key, arrivals] of this.#subnets) {
      if (this.#subnets.size <= ENTRIES && this.#left(arrivals, now) > 0) break;
      this.#subnets.delete(key);
    }
    return true;
  }

  #left({ count, at }: Arrivals, now: number): number {
    return Math.max(0, count - ((now - at) / 1000) * this.#allowance.perSecond);
  }
}
