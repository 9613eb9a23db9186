import { CodedError } from "@lode/ports";
import type { BoundTarget } from "./bound-target.ts";
import type { MiningJob } from "./job.ts";
import { ShareSet } from "./share-set.ts";
import { samePrevHash } from "./tip.ts";

/** A misuse of `Channel.activate`; see {@link JobTable.activate}. */
export type JobErrorType =
  | { code: "job-id-in-use"; jobId: number }
  | { code: "outdated-job"; serial: number };
/** Thrown by `Channel.activate`; nothing has changed then. */
export class JobError extends CodedError<JobErrorType> {}

/**
 * Where a job stands in a channel; it only moves down this list, and from anywhere out of the table.
 * - `future`: the client holds it and waits for the SetNewPrevHash that names it (SV2 5.1.3); no share is good for it.
 * - `active`: the newest, what the client is to mine on.
 * - `retained`: superseded on the same tip; shares that were under way are credited.
 * - `stale`: the tip has changed since; only good for blocks.
 */
export type JobState = "future" | "active" | "retained" | "stale";

/** A job as one channel has it. */
export interface ChannelJob {
  readonly jobId: number;
  readonly job: MiningJob;
  /** In force when the job was sent: a later SetExtranoncePrefix leaves it alone (SV2 5.3.10). */
  readonly extranoncePrefix: Uint8Array;
  state: JobState;
  /** Fixed at activation (SV2 5.3.21): a later SetTarget leaves it alone. Undefined for a future job. */
  bound: BoundTarget | undefined;
  /** Monotonic milliseconds after which a retained job is forgotten; undefined in every other state. */
  expiresAt: number | undefined;
  /** Headers accepted on this job; undefined before the first. */
  seen: ShareSet | undefined;
  /** Of a standard channel's active job, see {@link merkleRootOf}; undefined before its first share. */
  merkleRoot: Uint8Array | undefined;
}

/** A job that shares can be judged by. */
export type JudgedJob = ChannelJob & { readonly bound: BoundTarget };

/** How much a {@link JobTable} may hold. */
export interface JobLimits {
  /** Future jobs a channel holds; one more pushes the oldest out. */
  maxFutureJobs: number;
  /** Jobs of one tip a channel remembers, the newest included. */
  maxJobs: number;
  /** How long a superseded job of the same tip is still credited, milliseconds. */
  maxJobAgeMs: number;
  /** Accepted shares a channel remembers to recognise duplicates. */
  maxRememberedShares: number;
}

/**
 * The jobs a channel holds: future ones, those of the tip, at most `maxJobs`, and those of the tip before it, as many, which
 * are stale. Superseded jobs are retired first and age out later, so that shares under way are judged rightly. With 16
 * jobs and 8,192 shares the worst a channel can make of it is 36 records and 180 kB of hashes.
 */
export class JobTable {
  readonly #limits: JobLimits;
  /** In the order in which they became active, future ones in that of their arrival. Few, and the last is asked for most. */
  #jobs: ChannelJob[] = [];
  #newest: JudgedJob | undefined;
  #lowestNtime = 0;
  #retained = 0;
  #remembered = 0;
  /** Highest serial among jobs whose shares are forgotten: they must not come back. */
  #forgottenSerial = -1;

  constructor(limits: JobLimits) {
    this.#limits = limits;
  }

  /** The job activated last. */
  get newest(): JudgedJob | undefined {
    return this.#newest;
  }

  /**
   * min_ntime of the first job on the newest prev_hash, seconds: shares may begin there (SV2 5.3.11). Later jobs may say more;
   * firmware that takes its ntime from SetNewPrevHash alone is right all the same.
   */
  get lowestNtime(): number {
    return this.#lowestNtime;
  }

  /** Jobs held, whatever their state. */
  get size(): number {
    return this.#jobs.length;
  }

  /** Shares remembered on all jobs together. */
  get rememberedShares(): number {
    return this.#remembered;
  }

  /** The state of a job, undefined when it is not held. */
  stateOf(jobId: number): JobState | undefined {
    return this.#held(jobId)?.state;
  }

  /** Whether a held job, of whatever state, was sent under this very prefix. */
  uses(extranoncePrefix: Uint8Array): boolean {
    return this.#jobs.some((held) => held.extranoncePrefix === extranoncePrefix);
  }

  /** The active, retained or stale job of that id, unless it is forgotten. */
  find(jobId: number, now: number): JudgedJob | undefined {
    const found = this.#held(jobId);
    return found !== undefined && isJudged(found) && !isExpired(found, now) ? found : undefined;
  }

  /**
   * Holds `job` as a future job.
   *
   * @throws JobError `job-id-in-use`
   */
  announce(jobId: number, job: MiningJob, extranoncePrefix: Uint8Array): void {
    this.#add(jobId, job, extranoncePrefix);
    const future = this.#jobs.filter(({ state }) => state === "future");
    if (future.length > this.#limits.maxFutureJobs) this.#drop(future[0]!);
  }

  /**
   * Makes `job` the active one: a future job of this id, or a new one. A tip with another prev_hash makes everything before
   * it stale and ends all other future jobs (SV2 5.3.17).
   *
   * @param now monotonic milliseconds
   * @throws JobError `job-id-in-use` while another job of this id is held; `outdated-job` for a job whose shares may have been
   *   accepted and forgotten here, because another tip came in between or it is older than a job that was forgotten: it
   *   would be credited twice. A fresh job from the factory always works.
   */
  activate(
    jobId: number,
    job: MiningJob,
    extranoncePrefix: Uint8Array,
    bound: BoundTarget,
    now: number,
  ): void {
    const held = this.#held(jobId);
    const announced = held?.state === "future" && held.job === job ? held : undefined;
    if (held !== announced) throw new JobError({ code: "job-id-in-use", jobId });
    const seen = this.#seenOf(job);
    const last = this.#newest;
    if (last !== undefined) {
      if (samePrevHash(last.job.tip, job.tip)) {
        last.state = "retained";
        last.merkleRoot = undefined;
        this.#retained++;
        last.expiresAt = now + this.#limits.maxJobAgeMs;
      } else this.#retireTip(announced);
    }
    if (last === undefined || !samePrevHash(last.job.tip, job.tip)) this.#lowestNtime = job.minNtime;
    const next = announced ?? this.#add(jobId, job, extranoncePrefix);
    if (announced !== undefined) {
      this.#drop(announced);
      this.#jobs.push(announced);
    }
    next.state = "active";
    next.bound = bound;
    next.seen = seen;
    this.#newest = next as JudgedJob;
    this.#dropSurplus(now);
  }

  /**
   * Whether one more share of the newest tip can be remembered. Makes room by forgetting the oldest jobs but never the
   * newest or the one the share is for.
   */
  makeRoom(wanted: ChannelJob): boolean {
    for (let at = 0; at < this.#jobs.length && this.#remembered >= this.#limits.maxRememberedShares; ) {
      const job = this.#jobs[at]!;
      if (job === wanted || job === this.#newest || job.state === "future") at++;
      else this.#forget(job);
    }
    return this.#remembered < this.#limits.maxRememberedShares;
  }

  /** Remembers an accepted share of `job`. @param hash 32 bytes */
  remember(job: ChannelJob, hash: Uint8Array): void {
    if (job.seen === undefined) {
      job.seen = new ShareSet();
      // The same work may be held under a second id.
      for (const other of this.#jobs) if (other.job === job.job) other.seen = job.seen;
    }
    job.seen.add(hash);
    this.#remembered++;
  }

  /** Forgets everything. */
  clear(): void {
    for (const { job } of this.#jobs) {
      this.#forgottenSerial = Math.max(this.#forgottenSerial, job.serial);
    }
    this.#jobs = [];
    this.#newest = undefined;
    this.#retained = 0;
    this.#remembered = 0;
  }

  #seenOf(job: MiningJob): ShareSet | undefined {
    let known = false;
    let seen: ShareSet | undefined;
    for (const held of this.#jobs) {
      if (held.job !== job) continue;
      if (held.state === "future") continue;
      known = held.state !== "stale";
      seen = held.seen;
    }
    if (!known && job.serial <= this.#forgottenSerial) {
      throw new JobError({ code: "outdated-job", serial: job.serial });
    }
    return seen;
  }

  #add(jobId: number, job: MiningJob, extranoncePrefix: Uint8Array): ChannelJob {
    if (this.#held(jobId) !== undefined) throw new JobError({ code: "job-id-in-use", jobId });
    const added: ChannelJob = {
      jobId,
      job,
      extranoncePrefix,
      state: "future",
      bound: undefined,
      expiresAt: undefined,
      seen: undefined,
      merkleRoot: undefined,
    };
    this.#jobs.push(added);
    return added;
  }

  #held(jobId: number): ChannelJob | undefined {
    return this.#jobs.findLast((held) => held.jobId === jobId);
  }

  #drop(held: ChannelJob): void {
    this.#jobs.splice(this.#jobs.indexOf(held), 1);
  }

  #retireTip(next: ChannelJob | undefined): void {
    this.#retained = 0;
    this.#jobs = this.#jobs.filter(
      (job) => job === next || (job.state !== "stale" && job.state !== "future"),
    );
    for (const job of this.#jobs) {
      if (job === next) continue;
      this.#forgetShares(job);
      job.state = "stale";
      job.merkleRoot = undefined;
      job.expiresAt = undefined;
    }
  }

  #dropSurplus(now: number): void {
    for (let at = 0; this.#retained > 0 && at < this.#jobs.length; ) {
      const job = this.#jobs[at]!;
      if (job.state !== "retained") at++;
      else if (this.#retained >= this.#limits.maxJobs || isExpired(job, now)) this.#forget(job);
      else return;
    }
  }

  #forget(job: ChannelJob): void {
    if (job.state === "retained") this.#retained--;
    this.#drop(job);
    this.#forgetShares(job);
  }

  #forgetShares(job: ChannelJob): void {
    this.#forgottenSerial = Math.max(this.#forgottenSerial, job.job.serial);
    const { seen } = job;
    job.seen = undefined;
    if (seen === undefined) return;
    for (const other of this.#jobs) if (other.seen === seen) return;
    this.#remembered -= seen.size;
  }
}

/**
 * The merkle root of a standard channel's job, as NewMiningJob carries it (SV2 5.3.15): 32 bytes, header order. The prefix
 * the job was sent under is the whole extranonce, so all its shares have this root. Kept while the job is active: a root
 * takes nearly as much memory as the rest of a job.
 */
export function merkleRootOf(standard: JudgedJob): Uint8Array {
  const { state, merkleRoot, job, extranoncePrefix } = standard;
  const root = merkleRoot ?? job.handle.merkleRoot(extranoncePrefix);
  if (state === "active") standard.merkleRoot = root;
  return root;
}

function isExpired({ expiresAt }: ChannelJob, now: number): boolean {
  return expiresAt !== undefined && now > expiresAt;
}

function isJudged(held: ChannelJob): held is JudgedJob {
  return held.state !== "future";
}
