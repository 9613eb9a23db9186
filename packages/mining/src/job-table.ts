import { equalBytes } from "@lode/bitcoin";
import { CodedError } from "@lode/ports";
import type { BoundTarget } from "./bound-target.ts";
import type { MiningJob } from "./job.ts";
import { ShareSet } from "./share-set.ts";

/** A misuse of `Channel.activate`; see {@link JobTable.activate}. */
export type JobErrorType =
  | { code: "job-id-in-use"; jobId: number }
  | { code: "outdated-job"; serial: number };
/** Thrown by `Channel.activate`; nothing has changed then. */
export class JobError extends CodedError<JobErrorType> {}

/** A job as one channel has it. */
export interface ChannelJob {
  readonly jobId: number;
  readonly job: MiningJob;
  /** Fixed at activation (SV2 5.3.21): a later SetTarget leaves it alone. */
  readonly bound: BoundTarget;
  /** The tip has changed since. */
  stale: boolean;
  /** Monotonic milliseconds after which a superseded job is forgotten. */
  expiresAt: number;
  /** Headers accepted on this job; undefined before the first. */
  seen: ShareSet | undefined;
}

/** How much a {@link JobTable} may hold. */
export interface JobLimits {
  /** Jobs of one tip a channel remembers, the newest included. */
  maxJobs: number;
  /** How long a superseded job of the same tip is still credited, milliseconds. */
  maxJobAgeMs: number;
  /** Accepted shares a channel remembers to recognise duplicates. */
  maxRememberedShares: number;
}

/**
 * The jobs a channel can still send shares for: those of the tip, at most `maxJobs`, and those of the tip before it, as
 * many, which are stale and only good for blocks. With 16 jobs and 8,192 shares the worst a channel can make of it is 32
 * records and 180 kB of hashes.
 */
export class JobTable {
  readonly #limits: JobLimits;
  /** Oldest first. */
  readonly #jobs = new Map<number, ChannelJob>();
  #newest: ChannelJob | undefined;
  #remembered = 0;
  /** Highest serial among jobs whose shares are forgotten: they must not come back. */
  #forgottenSerial = -1;

  constructor(limits: JobLimits) {
    this.#limits = limits;
  }

  /** The job activated last. */
  get newest(): ChannelJob | undefined {
    return this.#newest;
  }

  /** Jobs held, stale ones included. */
  get size(): number {
    return this.#jobs.size;
  }

  /** Shares remembered on all jobs together. */
  get rememberedShares(): number {
    return this.#remembered;
  }

  /** The job of that id, stale or not, unless it is forgotten. */
  find(jobId: number, now: number): ChannelJob | undefined {
    const found = this.#jobs.get(jobId);
    return found !== undefined && now <= found.expiresAt ? found : undefined;
  }

  /**
   * Makes `job` the newest. A tip with another prev_hash makes everything before it stale.
   *
   * @param now monotonic milliseconds
   * @throws JobError `job-id-in-use` while a job of this id is held; `outdated-job` for a job whose shares may have been
   *   accepted and forgotten here, because another tip came in between or it is older than a job that was forgotten: it
   *   would be credited twice. A fresh job from the factory always works.
   */
  activate(jobId: number, job: MiningJob, bound: BoundTarget, now: number): void {
    if (this.#jobs.has(jobId)) throw new JobError({ code: "job-id-in-use", jobId });
    const seen = this.#seenOf(job);
    const last = this.#newest;
    if (last !== undefined) {
      if (equalBytes(last.job.tip.prevHash, job.tip.prevHash))
        last.expiresAt = now + this.#limits.maxJobAgeMs;
      else this.#retireTip();
    }
    this.#newest = { jobId, job, bound, stale: false, expiresAt: Number.POSITIVE_INFINITY, seen };
    this.#jobs.set(jobId, this.#newest);
    this.#dropSurplus(now);
  }

  /**
   * Whether one more share of the newest tip can be remembered. Makes room by forgetting the oldest jobs but never the
   * newest or the one the share is for.
   */
  makeRoom(wanted: ChannelJob): boolean {
    for (const job of this.#jobs.values()) {
      if (this.#remembered < this.#limits.maxRememberedShares) break;
      if (job !== wanted && job !== this.#newest) this.#forget(job);
    }
    return this.#remembered < this.#limits.maxRememberedShares;
  }

  /** Remembers an accepted share of `job`. @param hash 32 bytes */
  remember(job: ChannelJob, hash: Uint8Array): void {
    if (job.seen === undefined) {
      job.seen = new ShareSet();
      // The same work may be held under a second id.
      for (const other of this.#jobs.values()) if (other.job === job.job) other.seen = job.seen;
    }
    job.seen.add(hash);
    this.#remembered++;
  }

  /** Forgets everything. */
  clear(): void {
    for (const job of this.#jobs.values()) this.#forget(job);
    this.#newest = undefined;
  }

  #seenOf(job: MiningJob): ShareSet | undefined {
    let known = false;
    let seen: ShareSet | undefined;
    for (const held of this.#jobs.values()) {
      if (held.job !== job) continue;
      known = !held.stale;
      seen = held.seen;
    }
    if (!known && job.serial <= this.#forgottenSerial) {
      throw new JobError({ code: "outdated-job", serial: job.serial });
    }
    return seen;
  }

  #retireTip(): void {
    for (const job of this.#jobs.values()) {
      if (job.stale) this.#jobs.delete(job.jobId);
      else {
        this.#forgetShares(job);
        job.stale = true;
        job.expiresAt = Number.POSITIVE_INFINITY;
      }
    }
  }

  #dropSurplus(now: number): void {
    let current = 0;
    for (const job of this.#jobs.values()) if (!job.stale) current++;
    for (const job of this.#jobs.values()) {
      if (job.stale) continue;
      if (current <= this.#limits.maxJobs && now <= job.expiresAt) break;
      this.#forget(job);
      current--;
    }
  }

  #forget(job: ChannelJob): void {
    this.#jobs.delete(job.jobId);
    this.#forgetShares(job);
  }

  #forgetShares(job: ChannelJob): void {
    this.#forgottenSerial = Math.max(this.#forgottenSerial, job.job.serial);
    const { seen } = job;
    job.seen = undefined;
    if (seen === undefined) return;
    for (const other of this.#jobs.values()) if (other.seen === seen) return;
    this.#remembered -= seen.size;
  }
}
