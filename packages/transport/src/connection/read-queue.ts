import type { Clock } from "@lode/ports";

/** What one connection may have read before others have their turn, bytes of ciphertext: some twenty shares. */
export const READ_SLICE = 2_048;
/** What is read in one turn of the event loop from all that wait: bytes at most, and for so many milliseconds. */
const TURN_BYTES = 16_384;
const TURN_MS = 2;
/** Connections that may wait; each holds what the socket gave (64 kB), and its stream the next piece. */
const MAX_WAITING = 1_024;

/** A connection with more at hand than a slice. */
export interface LongRead {
  /** Reads the next slice, {@link READ_SLICE} bytes at most. Must not throw. @returns whether there is more at hand */
  readOn(): boolean;
}

const queues = new WeakMap<Clock, ReadQueue>();

/**
 * Who sends much at once is read in slices, one of every such connection in turn and some in every turn of the event loop, so
 * that a share which comes alone is not kept waiting by thousands of messages from others.
 */
export class ReadQueue {
  readonly #clock: Clock;
  readonly #waiting: LongRead[] = [];
  #scheduled = false;

  /** The queue of all connections on this clock. */
  static of(clock: Clock): ReadQueue {
    let queue = queues.get(clock);
    if (queue === undefined) {
      queue = new ReadQueue(clock);
      queues.set(clock, queue);
    }
    return queue;
  }

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `read.readOn()` soon, and again until it has no more. @returns false: too many wait, read all of it now */
  add(read: LongRead): boolean {
    if (this.#waiting.length >= MAX_WAITING) return false;
    this.#waiting.push(read);
    this.#schedule();
    return true;
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    this.#clock.soon(this.#turn);
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    try {
      const until = this.#clock.monotonic() + TURN_MS;
      for (let bytes = TURN_BYTES; bytes > 0 && this.#clock.monotonic() <= until; bytes -= READ_SLICE) {
        const read = this.#waiting.shift();
        if (read === undefined) return;
        if (read.readOn()) this.#waiting.push(read);
      }
    } finally {
      this.#schedule();
    }
  };
}
