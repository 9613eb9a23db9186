import type { Clock } from "@lode/ports";

/** What one connection may have read before others have their turn, bytes of ciphertext: some twenty shares. */
export const READ_SLICE = 2_048;
/** What is read in one turn of the event loop from all that wait: bytes at most, and for so many milliseconds. */
const TURN_BYTES = 16_384;
const TURN_MS = 2;
/** Connections that may wait; each holds what the socket gave (64 kB), and its stream the next piece (80 kB). */
const MAX_WAITING = 4_096;

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
  /** Who has its turn in this round; from `#at` on still to come. */
  #round: LongRead[] = [];
  #at = 0;
  #nextRound: LongRead[] = [];
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
    if (this.#size >= MAX_WAITING) return false;
    this.#nextRound.push(read);
    this.#schedule();
    return true;
  }

  get #size(): number {
    return this.#round.length - this.#at + this.#nextRound.length;
  }

  #schedule(): void {
    if (this.#scheduled || this.#size === 0) return;
    this.#scheduled = true;
    this.#clock.soon(this.#turn);
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    try {
      const until = this.#clock.monotonic() + TURN_MS;
      for (let bytes = TURN_BYTES; bytes > 0 && this.#clock.monotonic() <= until; bytes -= READ_SLICE) {
        if (this.#at === this.#round.length) this.#beginRound();
        const read = this.#round[this.#at];
        if (read === undefined) return;
        this.#at++;
        if (read.readOn()) this.#nextRound.push(read);
      }
    } finally {
      if (this.#size === 0) this.#beginRound();
      this.#schedule();
    }
  };

  #beginRound(): void {
    this.#round = this.#nextRound;
    this.#nextRound = [];
    this.#at = 0;
  }
}
