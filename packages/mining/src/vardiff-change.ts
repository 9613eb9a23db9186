/**
 * Page's test for a change of rate (CUSUM): adds up how much more likely the shares of late are at `factor` times the
 * assumed rate than at the assumed rate itself, and starts anew whenever the sum falls to 0. So what it has counted since
 * then is the best guess of what came after the change.
 */
export class ChangeTest {
  readonly #logFactor: number;
  readonly #drift: number;
  #sum = 0;
  #shares = 0;
  #exposure = 0;

  /** @param factor the change that is looked for: above 1 a rise, below 1 a fall */
  constructor(factor: number) {
    this.#logFactor = Math.log(factor);
    this.#drift = factor - 1;
  }

  /** Log likelihood ratio, at least 0. */
  get sum(): number {
    return this.#sum;
  }

  /** Shares since the change, if there was one. */
  get shares(): number {
    return this.#shares;
  }

  /** Time since the change over expected hashes of a share, s/hash; see `Vardiff`. */
  get exposure(): number {
    return this.#exposure;
  }

  /** @param assumed hashes per second against which a change is looked for */
  observe(shares: number, exposure: number, assumed: number): void {
    this.#sum += shares * this.#logFactor - exposure * assumed * this.#drift;
    this.#shares += shares;
    this.#exposure += exposure;
    if (this.#sum <= 0) this.reset();
  }

  /** Nothing has happened. */
  reset(): void {
    this.#sum = 0;
    this.#shares = 0;
    this.#exposure = 0;
  }
}

/**
 * Twice the log likelihood ratio of the rate that fits best over the assumed one, for Poisson arrivals: how clearly
 * `shares` contradict `expected`. 1 is one standard deviation, 4 are two.
 */
export function contradiction(shares: number, expected: number): number {
  const logTerm = shares === 0 ? 0 : shares * Math.log(shares / expected);
  return 2 * (logTerm - shares + expected);
}
