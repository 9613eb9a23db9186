import type { Clock } from "@lode/ports";

/** What one connection may have read before others have their turn, bytes of ciphertext: some twenty shares. */
export const READ_SLICE = 2_048;
/** What is read in one turn of the event loop from all that wait: bytes at most, and for so many milliseconds. */
const TURN_BYTES = 16_384;
const TURN_MS = 2;
/** Bytes that may wait; the sockets' streams hold as many again. */
const MAX_BYTES = 256 * 1024 * 1024;

/** A connection with more at hand than a slice. */
export interface LongRead {
  /** Reads the next slice, {@link READ_SLICE} bytes at most. Must not throw. @returns how many bytes are at hand still */
  readOn(): number;
}

interface Waiting {
  readonly read: LongRead;
  /** At hand. */
  bytes: number;
}

const queues = new WeakMap<Clock, ReadQueue>();

/**
 * Who sends much at once is read in slices, one of every such connection in turn and some in every turn of the event loop, so
 * that a share which comes alone is not kept waiting by thousands of messages from others.
 */
export class ReadQueue {
  readonly #clock: Clock;
  /** Who has not had its turn in this round, from `#at` on. */
  #round: Waiting[] = [];
  #at = 0;
  #nextRound: Waiting[] = [];
  #bytes = 0;
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

  /**
   * Calls `read.readOn()` soon, and again until it has no more.
   *
   * @param bytes at hand
   * @returns false: too much waits, read all of it now
   */
  add(read: LongRead, bytes: number): boolean {
    if (this.#bytes + bytes > MAX_BYTES) return false;
    this.#bytes += bytes;
    this.#nextRound.push({ read, bytes });
    this.#schedule();
    return true;
  }

  #schedule(): void {
    if (this.#scheduled || (this.#at === this.#round.length && this.#nextRound.length === 0)) return;
    this.#scheduled = true;
    this.#clock.soon(this.#turn);
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    try {
      const until = this.#clock.monotonic() + TURN_MS;
      for (let bytes = TURN_BYTES; bytes > 0 && this.#clock.monotonic() <= until; bytes -= READ_SLICE) {
        const next = this.#next();
        if (next === undefined) return;
        const left = next.read.readOn();
        this.#bytes -= next.bytes - left;
        next.bytes = left;
        if (left > 0) this.#nextRound.push(next);
      }
    } finally {
      this.#schedule();
    }
  };

  #next(): Waiting | undefined {
    if (this.#at === this.#round.length) {
      this.#round = this.#nextRound;
      this.#nextRound = [];
      this.#at = 0;
    }
    return this.#at < this.#round.length ? this.#round[this.#at++] : undefined;
  }
}
