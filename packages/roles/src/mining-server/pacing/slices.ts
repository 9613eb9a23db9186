import type { Clock } from "@lode/ports";

/** A turn's work ends after this time at the latest, however slow the machine or busy its memory, milliseconds. */
const TURN_MS = 2;

/** Work in steps; each tells how much it was. */
export type Steps = Iterator<number, void>;

/**
 * Does long work a slice in every turn of the event loop, so that other events get their turns: shares are answered meanwhile.
 * One work at a time.
 */
export class Slices {
  readonly #clock: Pick<Clock, "soon" | "monotonic">;
  readonly #size: number;
  #steps: Steps | undefined;
  #scheduled = false;

  /** @param size how much is done in one turn at most */
  constructor(clock: Pick<Clock, "soon" | "monotonic">, size: number) {
    this.#clock = clock;
    this.#size = size;
  }

  get busy(): boolean {
    return this.#steps !== undefined;
  }

  /** Begins in the next turn. Replaces what is left of the work before. */
  begin(steps: Steps): void {
    this.#steps = steps;
    this.#schedule();
  }

  /** Leaves the rest undone. */
  cancel(): void {
    this.#steps = undefined;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.soon(() => {
      this.#scheduled = false;
      this.#work();
    });
  }

  #work(): void {
    const steps = this.#steps;
    if (steps === undefined) return;
    const until = this.#clock.monotonic() + TURN_MS;
    for (let done = 0; done < this.#size && this.#clock.monotonic() <= until; ) {
      const step = this.#step(steps);
      // A step may begin other work, or cancel all.
      if (this.#steps !== steps) return;
      if (step.done) {
        this.#steps = undefined;
        return;
      }
      done += step.value;
    }
    this.#schedule();
  }

  #step(steps: Steps): IteratorResult<number, void> {
    try {
      return steps.next();
    } catch (error) {
      // Whoever has failed is over; others may begin.
      if (this.#steps === steps) this.#steps = undefined;
      throw error;
    }
  }
}
