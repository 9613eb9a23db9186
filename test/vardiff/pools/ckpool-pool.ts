import { type IssuedJob, LEAST_WORK, type OpenRequest, type PoolSide } from "./pool-side.ts";

const CHECK_SECONDS = 240;
/** Of the decaying average, seconds. */
const PERIOD = 300;
/** Bounds of the rate that is put up with, relative to the wished one: 0.15 and 0.4 of 0.3 a second. */
const LOW = 0.5;
const HIGH = 4 / 3;

/**
 * ckpool's vardiff, after `add_submit` in its stratifier.c, for any rate of shares as its author generalizes it in his port to
 * the reference implementation (72 shares are the shares of 240 s, 0.3 a second is the wished rate). Looked at with every
 * share that is accepted and never by a timer; the difficulty is not rounded to whole numbers.
 */
export class CkpoolPool implements PoolSide {
  readonly wakeAt = Number.POSITIVE_INFINITY;
  readonly #wished: number;
  #job: IssuedJob;
  /** Decaying average over five minutes, hashes per second. */
  #average = 0;
  #shares = 0;
  #firstAt: number | undefined;
  #averagedAt = 0;
  #changedAt = 0;

  constructor({ claim, sharesPerMinute }: OpenRequest) {
    this.#wished = sharesPerMinute / 60;
    this.#job = { id: 1, work: Math.max(claim / this.#wished, LEAST_WORK) };
  }

  get job(): IssuedJob {
    return this.#job;
  }

  get hashrate(): number {
    return this.#job.work * this.#wished;
  }

  wake(): void {}

  submit(job: IssuedJob, meetsTarget: boolean, now: number): number {
    if (!meetsTarget) return 0;
    const seconds = now / 1000;
    if (this.#firstAt === undefined) {
      this.#firstAt = seconds;
      this.#averagedAt = seconds;
      this.#changedAt = seconds;
    }
    this.#average = decayed(this.#average, job.work, Math.max(seconds - this.#averagedAt, 0.001), PERIOD);
    this.#averagedAt = seconds;
    this.#shares++;
    this.#reconsider(job, seconds);
    return job.work;
  }

  #reconsider(job: IssuedJob, seconds: number): void {
    const enough = this.#shares >= this.#wished * CHECK_SECONDS;
    if (!enough && seconds - this.#changedAt < CHECK_SECONDS) return;
    if (job.work !== this.#job.work) {
      this.#shares = 0;
      return;
    }
    const sinceFirst = Math.max(seconds - this.#firstAt!, 0.001);
    const hashrate = this.#average / bias(sinceFirst, PERIOD);
    const ratio = hashrate / this.#job.work / this.#wished;
    if (ratio > LOW && ratio < HIGH) return;
    const work = Math.max(hashrate / this.#wished, LEAST_WORK);
    if (work === this.#job.work) return;
    if (work < this.#job.work && this.#shares === 1) {
      this.#changedAt = seconds;
      return;
    }
    this.#shares = 0;
    this.#changedAt = seconds;
    this.#job = { id: this.#job.id + 1, work };
  }
}

/** `decay_time` of libckpool.c. */
function decayed(average: number, added: number, elapsed: number, period: number): number {
  const part = bias(elapsed, period);
  return (average + (added / elapsed) * part) / (1 + part);
}

/** `time_bias` of stratifier.c. */
function bias(elapsed: number, period: number): number {
  return 1 - Math.exp(-Math.min(elapsed / period, 36));
}
