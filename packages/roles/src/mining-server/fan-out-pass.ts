import type { Clock } from "@lode/ports";

/** Channels served before other events get their turn: a few milliseconds' work. */
const SLICE = 128;

/** What a {@link FanOutPass} works on. */
export interface FanOutPassOptions<S> {
  readonly clock: Clock;
  /** All sessions; live, so that what ends meanwhile is left out. */
  readonly sessions: () => Iterator<S>;
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
  #rest: Iterator<S> | undefined;
  #onDone: () => void = nothing;
  /** A newer job came during the pass: those served before it need another. Its `onDone`. */
  #again: (() => void) | undefined;
  #scheduled = false;

  constructor(options: FanOutPassOptions<S>) {
    this.#options = options;
  }

  /** There is a new job. @param onDone every session has it, or a newer one; not called when a newer one came first */
  start(onDone: () => void): void {
    if (this.#rest !== undefined) {
      this.#again = onDone;
      return;
    }
    this.#rest = this.#options.sessions();
    this.#onDone = onDone;
    this.#continueSoon();
  }

  /** Everybody has been given something newer, or will be. */
  cancel(): void {
    this.#rest = undefined;
    this.#again = undefined;
  }

  #continueSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.clock.soon(() => {
      this.#scheduled = false;
      this.#continue();
    });
  }

  #continue(): void {
    const rest = this.#rest;
    if (rest === undefined) return;
    for (let served = 0; served < SLICE; ) {
      const next = rest.next();
      if (next.done) {
        this.#finish();
        return;
      }
      served += this.#options.serve(next.value);
    }
    this.#continueSoon();
  }

  #finish(): void {
    const again = this.#again;
    const onDone = this.#onDone;
    this.cancel();
    onDone();
    if (again !== undefined) this.start(again);
  }
}

function nothing(): void {}
