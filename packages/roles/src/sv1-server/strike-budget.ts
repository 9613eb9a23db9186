import type { Sv1Allowance } from "./settings.ts";

/** How much misconduct of one kind a connection has left. */
export class StrikeBudget {
  readonly #allowance: Sv1Allowance;
  #left: number;
  #at: number;

  /** @param now monotonic milliseconds */
  constructor(allowance: Sv1Allowance, now: number) {
    this.#allowance = allowance;
    this.#left = allowance.burst;
    this.#at = now;
  }

  /** Takes one; false when there is none left. */
  take(now: number): boolean {
    const { burst, perSecond } = this.#allowance;
    this.#left = Math.min(burst, this.#left + ((now - this.#at) / 1000) * perSecond);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  /** Gives one back. */
  giveBack(): void {
    this.#left = Math.min(this.#allowance.burst, this.#left + 1);
  }
}
