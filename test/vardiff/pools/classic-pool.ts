import { type IssuedJob, LEAST_WORK, type OpenRequest, type PoolSide } from "./pool-side.ts";

/** `run_vardiff_loop` of pool_sv2. */
const LOOP_MS = 60_000;
/** `DEFAULT_MIN_HASHRATE` of channels_sv2. */
const LEAST_HASHRATE = 1;

/**
 * The Stratum V2 reference implementation's vardiff, after channels_sv2 8.0.0 `vardiff/classic.rs` and pool_sv2 0.7.0: a
 * loop over all channels every minute, shares counted since the last change. As there, every share that names a channel
 * counts, refused or not, and whatever target it was for; clocks are whole seconds.
 */
export class ClassicPool implements PoolSide {
  readonly #sharesPerMinute: number;
  #hashrate: number;
  #job: IssuedJob;
  #wakeAt: number;
  #shares = 0;
  #updatedAt = 0;

  constructor({ claim, sharesPerMinute, phase }: OpenRequest) {
    this.#sharesPerMinute = sharesPerMinute;
    this.#hashrate = claim;
    this.#job = { id: 1, work: this.#workFor(claim) };
    this.#wakeAt = (1 - phase) * LOOP_MS;
  }

  get job(): IssuedJob {
    return this.#job;
  }

  get hashrate(): number {
    return this.#hashrate;
  }

  get wakeAt(): number {
    return this.#wakeAt;
  }

  submit(job: IssuedJob, meetsTarget: boolean): number {
    this.#shares++;
    return meetsTarget ? job.work : 0;
  }

  wake(now: number): void {
    this.#wakeAt += LOOP_MS;
    const seconds = Math.floor(now / 1000);
    const hashrate = this.#tryVardiff(seconds);
    if (hashrate === undefined) return;
    this.#shares = 0;
    this.#updatedAt = seconds;
    this.#hashrate = hashrate;
    this.#job = { id: this.#job.id + 1, work: this.#workFor(hashrate) };
  }

  #workFor(hashrate: number): number {
    return Math.max((hashrate * 60) / this.#sharesPerMinute, LEAST_WORK);
  }

  #tryVardiff(seconds: number): number | undefined {
    const elapsed = seconds - this.#updatedAt;
    if (elapsed <= 15) return undefined;
    const before = Math.max(this.#hashrate, LEAST_HASHRATE);
    const measured = (this.#shares / elapsed) * this.#job.work;
    const percent = (Math.abs(measured - before) / before) * 100;
    const update =
      percent >= 100 ||
      (percent >= 60 && elapsed >= 60) ||
      (percent >= 50 && elapsed >= 120) ||
      (percent >= 45 && elapsed >= 180) ||
      (percent >= 30 && elapsed >= 240) ||
      (percent >= 15 && elapsed >= 300);
    if (!update) return undefined;
    if (this.#shares === 0)
      return Math.max(before / (elapsed <= 30 ? 1.5 : elapsed < 60 ? 2 : 3), LEAST_HASHRATE);
    if (percent > 1000) return before * (elapsed <= 30 ? 10 : elapsed < 60 ? 5 : 3);
    return Math.max(measured, LEAST_HASHRATE);
  }
}
