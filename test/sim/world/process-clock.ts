import type { Clock, Timer } from "@lode/ports";

/**
 * The clock of one pool process on its machine: the world's time, a wall clock of its own, and an end. Once killed nothing
 * that the process had planned happens any more.
 */
export class ProcessClock implements Clock {
  readonly #world: Clock;
  readonly #wallOffset: () => number;
  readonly #timers = new Set<Timer>();
  #alive = true;

  /** @param wallOffset milliseconds by which the machine's wall clock is wrong now */
  constructor(world: Clock, wallOffset: () => number) {
    this.#world = world;
    this.#wallOffset = wallOffset;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Timers of the process that would still run. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  now(): number {
    return Math.floor(this.#world.now() + this.#wallOffset());
  }

  monotonic(): number {
    return this.#world.monotonic();
  }

  after(ms: number, callback: () => void): Timer {
    const timer = this.#world.after(ms, () => {
      this.#timers.delete(handle);
      if (this.#alive) callback();
    });
    const handle = this.#keep(timer);
    return handle;
  }

  every(ms: number, callback: () => void): Timer {
    return this.#keep(this.#world.every(ms, callback));
  }

  soon(callback: () => void): void {
    this.#world.soon(() => {
      if (this.#alive) callback();
    });
  }

  /** A promise of the world as the process sees it: after its death it never settles. */
  seen<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => {
          if (this.#alive) resolve(value);
        },
        (error: unknown) => {
          if (this.#alive) reject(error);
        },
      );
    });
  }

  /** The process is gone. */
  kill(): void {
    this.#alive = false;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #keep(timer: Timer): Timer {
    const handle: Timer = {
      cancel: () => {
        timer.cancel();
        this.#timers.delete(handle);
      },
    };
    this.#timers.add(handle);
    return handle;
  }
}
