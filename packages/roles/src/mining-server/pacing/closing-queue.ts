import type { Clock } from "@lode/ports";
import { Slices, type Steps } from "./slices.ts";

/** Channels that are cleared away, or connections that are closed, in one turn of the event loop at most: a millisecond's work. */
const SLICE = 256;

/**
 * The end of crowds, some in every turn of the event loop: connections that are all to be closed, and what thousands of channels
 * leave behind.
 */
export class ClosingQueue {
  readonly #slices: Slices;
  readonly #waiting: Steps[] = [];

  constructor(clock: Pick<Clock, "soon" | "monotonic">) {
    this.#slices = new Slices(clock, SLICE);
  }

  /** Takes these steps soon, behind those of others. They must not throw. */
  add(closing: Steps): void {
    this.#waiting.push(closing);
    if (!this.#slices.busy) this.#slices.begin(this.#all());
  }

  *#all(): Steps {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      for (let step = next.next(); !step.done; step = next.next()) yield step.value;
    }
  }
}
