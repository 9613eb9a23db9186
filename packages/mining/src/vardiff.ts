/**
 * Hash rate estimate and the decision when it calls for another target.
 *
 * Shares of one target come as a Poisson process, so the estimate is the textbook one: with a Gamma prior, after n shares
 * where m were expected, the rate is the assumed one times (c + n) / (c + m). Expected shares are counted from the target
 * in force, so the estimate is right under every clamp. Four rules keep it quick and calm; the figures come from the
 * simulation in `vardiff.test.ts`:
 * - *Forget*: history counts for at most {@link MEMORY} shares, so a stable miner's estimate is good to about 13 %.
 * - *Hysteresis*: nothing happens while the estimate is within {@link BAND} of what the target assumes.
 * - *Contradiction*: when the last {@link RECENT} shares' worth of time is too unlikely under the assumed rate
 *   (likelihood-ratio test), all older history is dropped. This is what follows a miner that grows or loses boards.
 * - *Raise on evidence, lower on silence*: raising takes {@link RAISE_AFTER} shares at the target in force, lowering takes
 *   nothing but time, so a miner that finds no shares at all gets an easier target from the timer alone.
 *
 * Rejected shares and shares of older targets are the caller's to leave out. Floats are fine here: a wrong estimate costs
 * traffic, never money.
 */
export class Vardiff {
  /** Hashes per second the wished target is for. */
  #assumed: number;
  /** Posterior: shares counted and shares expected at the assumed rate, both with the prior in them. */
  #counted = PRIOR;
  #expected = PRIOR;
  /** The recent past alone, without a prior. */
  #recentCounted = 0;
  #recentExpected = 0;
  /** Shares since the assumed rate was last changed. */
  #evidence = 0;
  /** Expected hashes of the target in force; 0 while there is none. */
  #workInForce = 0;
  #seenUntil = 0;
  readonly #lowest: number;

  /**
   * @param hashrate what the client claims, hashes per second
   * @param lowest the estimate never goes below this; above 0
   */
  constructor(hashrate: number, lowest: number) {
    this.#lowest = lowest;
    this.#assumed = clampRate(hashrate, lowest);
  }

  /** Hashes per second that the target should be made for. Changes only when a call below returns true. */
  get assumedHashrate(): number {
    return this.#assumed;
  }

  /** Best estimate at this moment, hashes per second. For display. */
  get hashrate(): number {
    return (this.#assumed * this.#counted) / this.#expected;
  }

  /**
   * A target came into force.
   *
   * @param work expected hashes to meet it
   * @param now monotonic milliseconds, as everywhere here
   */
  bind(work: number, now: number): void {
    this.#pass(now);
    this.#workInForce = work;
  }

  /** A share of the target in force was accepted. @returns whether {@link assumedHashrate} changed */
  onAcceptedShare(now: number): boolean {
    this.#pass(now);
    this.#counted++;
    this.#recentCounted++;
    this.#evidence++;
    return this.#decide();
  }

  /** Time has passed; to be called every few seconds. @returns whether {@link assumedHashrate} changed */
  onTimer(now: number): boolean {
    this.#pass(now);
    return this.#decide();
  }

  /** The client says something new about itself: start over from there. */
  restart(hashrate: number): void {
    this.#assume(clampRate(hashrate, this.#lowest), PRIOR);
  }

  #pass(now: number): void {
    // A longer gap is this process having slept, not the miner.
    const elapsed = Math.min(Math.max(now - this.#seenUntil, 0), LONGEST_STEP_MS);
    this.#seenUntil = now;
    if (this.#workInForce === 0) return;
    const expected = (elapsed / 1000) * (this.#assumed / this.#workInForce);
    this.#expected += expected;
    this.#recentExpected += expected;
  }

  #decide(): boolean {
    this.#forget();
    if (contradicts(this.#recentCounted, this.#recentExpected)) {
      this.#counted = this.#recentCounted + PRIOR;
      this.#expected = this.#recentExpected + PRIOR;
    }
    const ratio = this.#counted / this.#expected;
    const change = ratio > 1 ? ratio > BAND && this.#evidence >= RAISE_AFTER : ratio < 1 / BAND;
    if (!change) return false;
    const before = this.#assumed;
    // Also where the floor leaves the rate as it is: silence there is not held against the miner that comes back.
    this.#assume(clampRate(before * ratio, this.#lowest), Math.min(Math.max(this.#counted, PRIOR), CARRIED));
    return this.#assumed !== before;
  }

  #forget(): void {
    if (this.#expected > MEMORY) {
      this.#counted *= MEMORY / this.#expected;
      this.#expected = MEMORY;
    }
    if (this.#recentExpected > RECENT) {
      this.#recentCounted *= RECENT / this.#recentExpected;
      this.#recentExpected = RECENT;
    }
  }

  #assume(hashrate: number, confidence: number): void {
    this.#assumed = hashrate;
    this.#counted = confidence;
    this.#expected = confidence;
    this.#recentCounted = 0;
    this.#recentExpected = 0;
    this.#evidence = 0;
  }
}

/** Weight of a bare claim, in shares. */
const PRIOR = 0.5;
/** Shares of history that count. */
const MEMORY = 60;
/** Expected shares that are the recent past. */
const RECENT = 8;
/** Weight of an estimate that has just become the assumption, in shares. */
const CARRIED = 10;
/** Factor of disagreement that is put up with. */
const BAND = 1.3;
/** Shares that are needed before the target is made harder. */
const RAISE_AFTER = 4;
/** Twice the log likelihood ratio that counts as a contradiction; by chance about once in 120 independent looks. */
const CONTRADICTION = 7;
const LONGEST_STEP_MS = 60_000;
/** Hashes per second; far above what the whole network has. */
const HIGHEST_RATE = 1e30;

/** Whether `counted` shares are too unlikely where `expected` were expected (Poisson likelihood ratio). */
function contradicts(counted: number, expected: number): boolean {
  if (expected === 0) return false;
  const logTerm = counted === 0 ? 0 : counted * Math.log(counted / expected);
  return 2 * (logTerm - counted + expected) > CONTRADICTION;
}

function clampRate(hashrate: number, lowest: number): number {
  return Math.min(Math.max(hashrate, lowest), HIGHEST_RATE);
}
