/**
 * Hash rate from accepted work over a sliding window, in a ring of equal slots. Until the window has passed once, the time
 * since the start counts. Floats: for display and metrics, never for money.
 */
export class HashrateMeter {
  readonly #slotMs: number;
  readonly #slots: Float64Array;
  readonly #startedAt: number;
  /** Number of the slot that is being filled, counted from the start. */
  #current = 0;

  /** @param now monotonic milliseconds */
  constructor(now: number, windowMs = 600_000, slots = 60) {
    this.#slotMs = windowMs / slots;
    this.#slots = new Float64Array(slots);
    this.#startedAt = now;
  }

  /** @param work expected hashes */
  add(work: number, now: number): void {
    this.#moveTo(now);
    const index = this.#current % this.#slots.length;
    this.#slots[index] = this.#slots[index]! + work;
  }

  /** Hashes per second. */
  rate(now: number): number {
    this.#moveTo(now);
    const slots = this.#slots.length;
    const oldest = Math.max(0, this.#current - slots + 1);
    const elapsedMs = now - this.#startedAt - oldest * this.#slotMs;
    // A share right after the start says nothing about a rate: at least one slot's time counts.
    return this.#slots.reduce((sum, work) => sum + work, 0) / (Math.max(elapsedMs, this.#slotMs) / 1000);
  }

  #moveTo(now: number): void {
    const current = Math.floor((now - this.#startedAt) / this.#slotMs);
    const steps = Math.min(current - this.#current, this.#slots.length);
    for (let step = 0; step < steps; step++) this.#slots[(current - step) % this.#slots.length] = 0;
    if (current > this.#current) this.#current = current;
  }
}
