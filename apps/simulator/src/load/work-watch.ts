import { startMeter, type UsedTime } from "./used-time.ts";

/** Low bits of a block version that no miner may roll (BIP323): load tells templates apart by them. */
export const STAMP_MASK = 0x1f;

/** How a template came to a crowd. */
export interface Arrivals {
  /**
   * When each connection had opened and read its job for the template, ascending: the system's monotonic clock, milliseconds,
   * comparable between processes of one machine.
   */
  readonly times: readonly number[];
  /** Connections that did not get it. */
  readonly missing: number;
  /** What the generator's process used from the call to the last arrival. */
  readonly used: UsedTime;
}

/** Milliseconds on the system's monotonic clock. */
export function systemMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Waits until a job with a stamp has come to every connection. */
export class WorkWatch {
  readonly done: Promise<Arrivals>;
  readonly #stamp: number;
  readonly #expected: number;
  readonly #times: number[] = [];
  readonly #meter = startMeter();
  #finish!: (arrivals: Arrivals) => void;

  constructor(stamp: number, expected: number) {
    this.#stamp = stamp;
    this.#expected = expected;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** A connection mines on a job whose stamp is not that of its job before. */
  onWork(stamp: number): void {
    if (stamp !== this.#stamp) return;
    this.#times.push(systemMs());
    if (this.#times.length === this.#expected) this.end();
  }

  /** Ends the wait with what has come. */
  end(): void {
    const missing = this.#expected - this.#times.length;
    this.#finish({ times: this.#times, missing, used: this.#meter() });
  }
}
