import { performance } from "node:perf_hooks";

/** Waiters let go before the meter is read again: crowds of newcomers must not crowd out those who flood. */
const AT_A_TIME = { flood: 3, arrival: 2 } as const;
const REST_MS = 5;
/** Unused allowance that may be saved up, milliseconds of wall time. */
const SAVED_MS = 200;

/** What a turn is for: a connection, or messages on one. */
export type TurnKind = keyof typeof AT_A_TIME;

/**
 * Hands out turns so that this process takes at most a given part of a core: the harness must not be what makes honest
 * miners wait. Whoever sends something costly takes a turn first.
 */
export class CpuBudget {
  readonly #cores: number;
  readonly #startedAt = process.cpuUsage();
  readonly #waiting: Record<TurnKind, (() => void)[]> = { flood: [], arrival: [] };
  #pumping = false;
  #readAt = performance.now();
  #usedMs = 0;
  /** CPU milliseconds that may be used now. */
  #credit = 0;

  /** @param cores CPU seconds per second */
  constructor(cores: number) {
    this.#cores = cores;
  }

  /** CPU seconds used since the start. */
  get used(): number {
    const { user, system } = process.cpuUsage(this.#startedAt);
    return (user + system) / 1e6;
  }

  /** Resolves when there is allowance left, in order of asking among those of its kind. */
  turn(kind: TurnKind): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting[kind].push(resolve);
      if (this.#pumping) return;
      this.#pumping = true;
      setImmediate(this.#pump);
    });
  }

  readonly #pump = (): void => {
    this.#settle();
    if (this.#credit <= 0) {
      setTimeout(this.#pump, REST_MS);
      return;
    }
    for (const kind of ["flood", "arrival"] as const) {
      for (const wake of this.#waiting[kind].splice(0, AT_A_TIME[kind])) wake();
    }
    this.#pumping = this.#waiting.flood.length + this.#waiting.arrival.length > 0;
    if (this.#pumping) setImmediate(this.#pump);
  };

  #settle(): void {
    const now = performance.now();
    const usedMs = this.used * 1000;
    const earned = (now - this.#readAt) * this.#cores;
    this.#credit = Math.min(this.#credit + earned - (usedMs - this.#usedMs), SAVED_MS * this.#cores);
    this.#readAt = now;
    this.#usedMs = usedMs;
  }
}
