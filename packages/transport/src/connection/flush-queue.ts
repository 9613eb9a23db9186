import type { Clock } from "@lode/ports";

/** Something with bytes to write at the end of the turn. */
export interface Flushable {
  endOfTurn(): void;
}

const queues = new WeakMap<Clock, FlushQueue>();

/** Gathers the connections written to during a turn, so that one callback serves them all. */
export class FlushQueue {
  readonly #clock: Clock;
  #waiting: Flushable[] = [];

  /** The queue of all connections on this clock. */
  static of(clock: Clock): FlushQueue {
    let queue = queues.get(clock);
    if (queue === undefined) {
      queue = new FlushQueue(clock);
      queues.set(clock, queue);
    }
    return queue;
  }

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `connection.endOfTurn()` soon. The caller adds itself once a turn. */
  add(connection: Flushable): void {
    if (this.#waiting.push(connection) === 1) this.#clock.soon(this.#run);
  }

  readonly #run = (): void => {
    const batch = this.#waiting;
    this.#waiting = [];
    for (const connection of batch) connection.endOfTurn();
  };
}
