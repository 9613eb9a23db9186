import type { Clock } from "@lode/ports";
import type { Tip } from "./tip.ts";

/**
 * Clients of the reference implementation have no clock: they drop shares, blocks included, whose ntime is more than two
 * hours above min_ntime. On an old tip min_ntime therefore follows the clock at this distance, seconds.
 */
const BEHIND = 2_400;
/** A job is out of date when its min_ntime could be this much higher, seconds: then it is {@link BEHIND} + STEP old. */
const STEP = 600;
/** min_ntime never leads the source's own clock by more, seconds: nodes refuse blocks two hours ahead of their clock. */
const LEAD = 6_600;

/**
 * min_ntime of the jobs of one tip (SV2 5.3.15): the tip's header_timestamp, which rises on an old tip so that the clock
 * is never an hour ahead of it, and never falls.
 */
export class NtimeFloor {
  readonly #clock: Clock;
  readonly #headerTimestamp: number;
  /** When the tip came, monotonic milliseconds. */
  readonly #since: number;
  #value: number;

  /** @param atLeast seconds; what jobs with the same prev_hash had before */
  constructor(clock: Clock, tip: Tip, atLeast = 0) {
    this.#clock = clock;
    this.#headerTimestamp = tip.headerTimestamp;
    this.#since = clock.monotonic();
    this.#value = Math.max(tip.headerTimestamp, atLeast);
  }

  /** For a job that is built now, seconds. */
  get value(): number {
    const elapsed = (this.#clock.monotonic() - this.#since) / 1000;
    const risen = Math.min(this.#clock.now() / 1000 - BEHIND, this.#headerTimestamp + elapsed + LEAD);
    this.#value = Math.max(this.#value, Math.floor(risen));
    return this.#value;
  }

  /** True when a job with this min_ntime is too old to be given to a new channel. */
  isOutdated(minNtime: number): boolean {
    return this.value > minNtime + STEP;
  }
}
