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
  /** Every session has been served since the last {@link FanOutPass.start}. */
  readonly onDone: () => void;
}

/**
 * Brings the newest job to all sessions, some in every turn of the event loop: a new tip, which cannot wait, overtakes it,
 * and shares are answered meanwhile. Fees gained by a better template are worth far less than the delay of a tip.
 */
export class FanOutPass<S> {
  readonly #options: FanOutPassOptions<S>;
  #rest: Iterator<S> | undefined;
  /** A newer job came during the pass: those served before it need another. */
  #again = false;
  #scheduled = false;

  constructor(options: FanOutPassOptions<S>) {
    this.#options = options;
  }

  /** There is a new job. Serves the first sessions at once. */
  start(): void {
    if (this.#rest !== undefined) {
      this.#again = true;
      return;
    }
    this.#rest = this.#options.sessions();
    if (!this.#scheduled) this.#continue();
  }

  /** Everybody has been given something newer. */
  cancel(): void {
    this.#rest = undefined;
    this.#again = false;
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
    this.#scheduled = true;
    this.#options.clock.soon(() => {
      this.#scheduled = false;
      this.#continue();
    });
  }

  #finish(): void {
    const again = this.#again;
    this.cancel();
    if (again) this.start();
    else this.#options.onDone();
  }
}
