/** `burst` at once, and `perSecond` more each second, up to `burst` again. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * How much of a {@link Rate} was used: what was spent comes back with time. It is computed when it is asked for, so a bucket
 * needs no timer and costs nothing meanwhile. The rate is handed in with each call, since limits can grow with their owner.
 */
export class TokenBucket {
  #spent = 0;
  #at: number;

  /** @param now monotonic milliseconds, as everywhere here */
  constructor(now: number) {
    this.#at = now;
  }

  /** Spends one, whether or not it is there. @returns false when it was not */
  spend(rate: Rate, now: number): boolean {
    this.#refill(rate, now);
    this.#spent++;
    return this.#spent <= rate.burst;
  }

  /** Spends one if it is there. */
  take(rate: Rate, now: number): boolean {
    this.#refill(rate, now);
    if (this.#spent + 1 > rate.burst) return false;
    this.#spent++;
    return true;
  }

  /** One comes back before its time. */
  giveBack(): void {
    this.#spent = Math.max(0, this.#spent - 1);
  }

  #refill({ perSecond }: Rate, now: number): void {
    this.#spent = Math.max(0, this.#spent - ((now - this.#at) / 1000) * perSecond);
    this.#at = now;
  }
}
