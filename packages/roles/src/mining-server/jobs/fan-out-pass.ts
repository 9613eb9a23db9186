import type { Clock } from "@lode/ports";
import { Slices, type Steps } from "../pacing/slices.ts";

/** Channels served before other events get their turn: a few milliseconds' work. */
const SLICE = 128;

/** What a {@link FanOutPass} works on. */
export interface FanOutPassOptions<S> {
  readonly clock: Clock;
  /** All sessions; live, so that what ends meanwhile is left out. */
  readonly sessions: () => Iterable<S>;
  /** Brings the newest job to a session that lacks it. @returns how many channels that took */
  readonly serve: (session: S) => number;
}

/**
 * Brings the newest job to all sessions, some in every turn of the event loop, the first in the next one: a new tip, which
 * cannot wait, overtakes it, and shares are answered meanwhile. Fees gained by a better template are worth far less than the
 * delay of a tip.
 */
export class FanOutPass<S> {
  readonly #options: FanOutPassOptions<S>;
  readonly #slices: Slices;
  /** A newer job came during the pass: those served before it need another. Its `onDone`. */
  #again: (() => void) | undefined;

  constructor(options: FanOutPassOptions<S>) {
    this.#options = options;
    this.#slices = new Slices(options.clock, SLICE);
  }

  /** There is a new job. @param onDone every session has it, or a newer one; not called when a newer one came first */
  start(onDone: () => void): void {
    if (this.#slices.busy) this.#again = onDone;
    else this.#slices.begin(this.#pass(onDone));
  }

  /** Everybody has been given something newer, or will be. */
  cancel(): void {
    this.#slices.cancel();
    this.#again = undefined;
  }

  *#pass(onDone: () => void): Steps {
    const { sessions, serve } = this.#options;
    for (const session of sessions()) yield serve(session);
    const again = this.#again;
    this.#again = undefined;
    onDone();
    if (again !== undefined) this.#slices.begin(this.#pass(again));
  }
}
