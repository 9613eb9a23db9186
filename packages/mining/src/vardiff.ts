import { ChangeTest, contradiction } from "./vardiff-change.ts";

/**
 * Hash rate estimate and the decision when it calls for another target.
 *
 * Shares come as a Poisson process. With n shares over an exposure x (seconds divided by the expected hashes of a share,
 * summed over the targets that were in force) the rate is n / x, whatever the targets were. docs/vardiff.md has the
 * formulae and what a simulation measured. The rules:
 * - *Remember*: the last {@link MEMORY} shares' worth of time counts, so a steady miner's estimate is good to about 7 %.
 * - *Hold still*: nothing happens while the estimate is within {@link BAND} of what the target assumes, or while so few
 *   shares say otherwise that chance explains it.
 * - *Notice*: a sequential test in each direction finds the moment since which the miner is another one, and what came
 *   before is forgotten. This is what follows boards that fail or come back.
 * - *Raise on evidence, lower on silence*: raising takes {@link RAISE_AT_ONCE} shares at the target in force, so that the next
 *   target is a good one; {@link RAISE_AFTER} are enough when they come slowly or in a flood. Lowering takes nothing but time.
 * - *Wait for the silent*: who never had a share is sought quickly, all the way down. Who had shares and stops gets a
 *   target {@link PATIENCE} times easier, and then one easier by 2 an hour: most come back as they were, and would flood
 *   a target that had been lowered to the floor.
 *
 * Rejected shares and shares of older targets are the caller's to leave out. Floats are fine here: a wrong estimate costs
 * traffic, never money.
 */
export class Vardiff {
  /** Hashes per second the wished target is for. */
  #assumed: number;
  /** Memory: shares and exposure (s/hash). */
  #shares = 0;
  #exposure = 0;
  readonly #fall = new ChangeTest(1 / 3);
  readonly #rise = new ChangeTest(2);
  /** Shares since the assumed rate was last changed, and the time since then in milliseconds. */
  #evidence = 0;
  #held = 0;
  /** Last rate that several shares spoke for; 0 before there was one. */
  #proven = 0;
  /** Time without a share, milliseconds. */
  #silence = 0;
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
    const measured = this.#exposure > 0 ? this.#shares / this.#exposure : 0;
    // A quarter of a share's worth of the assumption: of no weight as soon as there are shares.
    return (this.#shares + PRIOR) / (this.#exposure + PRIOR / Math.max(this.#assumed, measured));
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
    this.#silence = 0;
    this.#evidence++;
    this.#observe(1, 0);
    return this.#decide(false);
  }

  /** Time has passed; to be called every few seconds. @returns whether {@link assumedHashrate} changed */
  onTimer(now: number): boolean {
    this.#pass(now);
    return this.#decide(true);
  }

  /** The client says something new about itself: start over from there. */
  restart(hashrate: number): void {
    this.#remember(0, 0);
    this.#proven = 0;
    this.#assume(hashrate);
  }

  #pass(now: number): void {
    // A longer gap is this process having slept, not the miner.
    const elapsed = Math.min(Math.max(now - this.#seenUntil, 0), LONGEST_STEP_MS);
    this.#seenUntil = now;
    if (this.#workInForce === 0) return;
    this.#silence += elapsed;
    this.#held += elapsed;
    this.#observe(0, elapsed / 1000 / this.#workInForce);
  }

  #observe(shares: number, exposure: number): void {
    this.#remember(this.#shares + shares, this.#exposure + exposure);
    this.#fall.observe(shares, exposure, this.#assumed);
    this.#rise.observe(shares, exposure, this.#assumed);
  }

  #remember(shares: number, exposure: number): void {
    const surplus = (exposure * this.#assumed) / MEMORY;
    this.#shares = surplus > 1 ? shares / surplus : shares;
    this.#exposure = surplus > 1 ? exposure / surplus : exposure;
  }

  #decide(byTimer: boolean): boolean {
    this.#noticeChange(this.#fall, FALLEN);
    this.#noticeChange(this.#rise, RISEN);
    if (this.#shares >= PROOF) this.#proven = this.hashrate;
    const before = this.#assumed;
    // Shares that come together were found over some time.
    const exposure = this.#exposure + BURST_SECONDS / this.#workInForce;
    const measured = this.#shares / exposure;
    if (measured > before * BAND) {
      const soon = measured > before * FLOOD || (byTimer && this.#held >= RAISE_WAIT_MS);
      if (this.#evidence < (soon ? RAISE_AFTER : RAISE_AT_ONCE)) return false;
      return (
        contradiction(this.#shares, exposure * before) > DOUBT &&
        this.#assume(Math.min(measured, HIGHEST_RAISE * before))
      );
    }
    if (this.hashrate * BAND > before || contradiction(this.#shares, this.#exposure * before) < DOUBT)
      return false;
    const lowered = Math.max(this.#lowered(), this.#lowest);
    // Patience and the floor may leave little or nothing to change.
    return (
      lowered < before && (lowered * BAND <= before || lowered === this.#lowest) && this.#assume(lowered)
    );
  }

  /** The estimate, but not far below what the miner has shown when it is silence alone that speaks for it. */
  #lowered(): number {
    if (this.#evidence > 0 && this.#shares > 0) return this.hashrate;
    const patience = PATIENCE * 2 ** (this.#silence / MS_PER_HALVING);
    return Math.max(this.hashrate, Math.min(this.#proven / patience, this.#assumed));
  }

  #noticeChange(test: ChangeTest, threshold: number): void {
    if (test.sum < threshold) return;
    // The moment is a guess and a little of the past may be in it: what comes now shall soon outweigh it.
    const weight = Math.min(CARRIED / Math.max(test.shares, test.exposure * this.#assumed), 1);
    this.#remember(test.shares * weight, test.exposure * weight);
    test.reset();
  }

  #assume(hashrate: number): boolean {
    const before = this.#assumed;
    this.#assumed = clampRate(hashrate, this.#lowest);
    this.#fall.reset();
    this.#rise.reset();
    this.#evidence = 0;
    this.#held = 0;
    return this.#assumed !== before;
  }
}

/** Weight of the assumption while there are no shares, in shares. Small: after a silence the next guess is a bold one. */
const PRIOR = 0.25;
/** Shares of history that count. */
const MEMORY = 120;
/** Factor of disagreement that is put up with. */
const BAND = 1.25;
/** {@link contradiction} of assumption and memory below which chance explains it. */
const DOUBT = 1.2;
/** Sums of the change tests that are believed; by chance about once in 10,000 and 30,000 shares at the assumed rate. */
const FALLEN = 8;
const RISEN = 9;
/** Weight of what a change test has found, in shares. */
const CARRIED = 6;
/** Shares since the last change that let the timer raise the target when {@link RAISE_WAIT_MS} have passed. */
const RAISE_AFTER = 4;
const RAISE_WAIT_MS = 30_000;
/** Shares since the last change that raise the target at once: good to 25 %. */
const RAISE_AT_ONCE = 16;
/** Factor above which {@link RAISE_AFTER} shares are enough to raise at once. */
const FLOOD = 200;
/** The most that one raise makes of it. */
const HIGHEST_RAISE = 100;
/** Shares in memory that make an estimate one to come back to. */
const PROOF = 8;
/** How much easier the target of a miner that fell silent becomes. */
const PATIENCE = 16;
/** Silence after which the target of such a miner becomes easier by another factor of 2. */
const MS_PER_HALVING = 3_600_000;
/** Least time in which shares are taken to have been found: the network and a batch of input hold them together. */
const BURST_SECONDS = 0.1;
const LONGEST_STEP_MS = 60_000;
/** Hashes per second; far above what the whole network has. */
const HIGHEST_RATE = 1e30;

function clampRate(hashrate: number, lowest: number): number {
  return Math.min(Math.max(hashrate, lowest), HIGHEST_RATE);
}
