/** Buckets per doubling: a reading is at most 1/32 too high. */
const PER_OCTAVE = 32;
/** Shortest time told apart, milliseconds. */
const SMALLEST_MS = 0.001;
/** From a microsecond to more than a minute. */
const OCTAVES = 27;

/** Quantiles of a {@link LatencyHistogram}, milliseconds; 0 when nothing was recorded. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  /** Exact. */
  readonly max: number;
}

/** Counts latencies in buckets whose width grows with the value: recording makes no object, memory is fixed. */
export class LatencyHistogram {
  readonly #buckets = new Float64Array(PER_OCTAVE * OCTAVES);
  #count = 0;
  #max = 0;

  /** @param ms milliseconds; what is shorter than a microsecond counts as one */
  record(ms: number): void {
    const index = Math.floor(Math.log2(Math.max(ms, SMALLEST_MS) / SMALLEST_MS) * PER_OCTAVE);
    this.#buckets[Math.min(index, this.#buckets.length - 1)]! += 1;
    this.#count += 1;
    if (ms > this.#max) this.#max = ms;
  }

  /** The latency that this part (0 to 1) of all recorded ones stays at or below, milliseconds: its bucket's upper end. */
  quantile(part: number): number {
    const wanted = Math.max(1, Math.ceil(part * this.#count));
    let seen = 0;
    for (let index = 0; index < this.#buckets.length; index++) {
      seen += this.#buckets[index]!;
      if (seen >= wanted) return Math.min(this.#max, SMALLEST_MS * 2 ** ((index + 1) / PER_OCTAVE));
    }
    return 0;
  }

  /** The figures people ask for. */
  summary(): LatencySummary {
    return {
      count: this.#count,
      p50: this.quantile(0.5),
      p90: this.quantile(0.9),
      p99: this.quantile(0.99),
      p999: this.quantile(0.999),
      max: this.#max,
    };
  }
}
