const BUCKET_MS = 1_000;
const BUCKETS = 10;

/** How much happened a second, over the last nine full seconds, or as many as there were. */
export class RateMeter {
  readonly #counts = new Float64Array(BUCKETS);
  readonly #startedAt: number;
  #bucket = 0;

  /** @param now monotonic milliseconds, as everywhere here */
  constructor(now: number) {
    this.#startedAt = now;
  }

  add(count: number, now: number): void {
    this.#turn(now);
    this.#counts[this.#bucket % BUCKETS]! += count;
  }

  /** Per second; 0 before the first full second. The second under way does not count. */
  rate(now: number): number {
    this.#turn(now);
    const seconds = Math.min(this.#bucket, BUCKETS - 1);
    if (seconds === 0) return 0;
    const all = this.#counts.reduce((sum, count) => sum + count, 0);
    return (all - (this.#counts[this.#bucket % BUCKETS] as number)) / seconds;
  }

  /** Empties the buckets of the seconds that went by since the last call. */
  #turn(now: number): void {
    const bucket = Math.floor((now - this.#startedAt) / BUCKET_MS);
    if (bucket - this.#bucket >= BUCKETS) this.#counts.fill(0);
    else while (this.#bucket < bucket) this.#counts[++this.#bucket % BUCKETS] = 0;
    this.#bucket = Math.max(bucket, this.#bucket);
  }
}
