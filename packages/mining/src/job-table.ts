import type { NativeJob } from "@lode/native";
import { CodedError } from "@lode/ports";
import type { BoundTarget } from "./bound-target.ts";
import type { MiningJob } from "./job.ts";
import { ShareSet } from "./share-set.ts";
import { samePrevHash } from "./tip.ts";

/**
 * The jobs a channel holds. Which container a job is in is its state, and it only moves on:
 * - `active`: the newest, what the client is to mine on.
 * - `retained`: superseded on the same tip; shares that were under way are credited. At most `maxJobs` with the active one.
 * - `stale`: the tip has changed since; only good for blocks. As many as there were of that tip; gone with the next tip.
 *
 * With 16 jobs and 8,192 shares the worst a channel can make of it is 32 records and 180 kB of hashes.
 */
export class JobTable {
  readonly #limits: JobLimits;
  #active: ChannelJob | undefined;
  /** The oldest first. */
  #retained: ChannelJob[] = [];
  #stale: readonly ChannelJob[] = NONE;
  #lowestNtime = 0;
  #remembered = 0;
  /** Highest serial among jobs whose shares are forgotten: they must not come back. */
  #forgottenSerial = -1;

  constructor(limits: JobLimits) {
    this.#limits = limits;
  }

  /** The job activated last. */
  get active(): ChannelJob | undefined {
    return this.#active;
  }

  /**
   * min_ntime of the first job on the newest prev_hash, seconds: shares may begin there (SV2 5.3.11). Later jobs may say more;
   * firmware that takes its ntime from SetNewPrevHash alone is right all the same.
   */
  get lowestNtime(): number {
    return this.#lowestNtime;
  }

  /** The state of a job, undefined when it is not held. */
  stateOf(jobId: number): JobState | undefined {
    if (this.#active?.jobId === jobId) return "active";
    if (this.#retained.some((held) => held.jobId === jobId)) return "retained";
    return this.#stale.some((held) => held.jobId === jobId) ? "stale" : undefined;
  }

  isStale(held: ChannelJob): boolean {
    return held !== this.#active && this.#stale.includes(held);
  }

  /** Whether a held job, of whatever state, was sent under this very prefix. */
  uses(extranoncePrefix: Uint8Array): boolean {
    const isUnder = (held: ChannelJob) => held.extranoncePrefix === extranoncePrefix;
    return (
      (this.#active !== undefined && isUnder(this.#active)) ||
      this.#retained.some(isUnder) ||
      this.#stale.some(isUnder)
    );
  }

  /** The job of that id, unless it is forgotten. @param now monotonic milliseconds */
  find(jobId: number, now: number): ChannelJob | undefined {
    if (this.#active?.jobId === jobId) return this.#active;
    const retained = this.#retained.findLast((held) => held.jobId === jobId);
    if (retained !== undefined) return now > retained.expiresAt ? undefined : retained;
    return this.#stale.find((held) => held.jobId === jobId);
  }

  /**
   * Makes a job the active one. A tip with another prev_hash makes everything before it stale (SV2 5.3.17).
   *
   * @param now monotonic milliseconds
   * @throws JobError `job-id-in-use` while another job of this id is held; `outdated-job` for a job whose shares may have been
   *   accepted and forgotten here, because another tip came in between or it is older than a job that was forgotten: it
   *   would be credited twice. A fresh job from the factory always works.
   */
  activate({ jobId, job, extranoncePrefix, bound }: NewChannelJob, now: number): void {
    if (this.stateOf(jobId) !== undefined) throw new JobError({ code: "job-id-in-use", jobId });
    const seen = this.#seenOf(job);
    const last = this.#active;
    if (last === undefined) this.#lowestNtime = job.minNtime;
    else if (samePrevHash(last.job.tip, job.tip)) {
      last.merkleRoot = undefined;
      last.expiresAt = now + this.#limits.maxJobAgeMs;
      this.#retained.push(last);
    } else {
      this.#lowestNtime = job.minNtime;
      this.#retire(last);
    }
    this.#active = { jobId, job, extranoncePrefix, bound, expiresAt: 0, seen, merkleRoot: undefined };
    this.#dropSurplus(now);
  }

  /**
   * Whether one more share of the newest tip can be remembered. Makes room by forgetting the oldest superseded jobs, but never
   * the one the share is for.
   */
  makeRoom(wanted: ChannelJob): boolean {
    for (let at = 0; at < this.#retained.length && this.#remembered >= this.#limits.maxRememberedShares; ) {
      if (this.#retained[at] === wanted) at++;
      else this.#forget(at);
    }
    return this.#remembered < this.#limits.maxRememberedShares;
  }

  /** Remembers an accepted share of `held`. @param hash 32 bytes */
  remember(held: ChannelJob, hash: Uint8Array): void {
    if (held.seen === undefined) {
      held.seen = new ShareSet();
      // The same work may be held under a second id.
      for (const other of this.#credited()) if (other.job === held.job) other.seen = held.seen;
    }
    held.seen.add(hash);
    this.#remembered++;
  }

  /**
   * The merkle root of a standard channel's job, as NewMiningJob carries it (SV2 5.3.15): 32 bytes, header order. The prefix
   * the job was sent under is the whole extranonce, so all its shares have this root. Kept while the job is active: a root
   * takes nearly as much memory as the rest of a job.
   *
   * @param handle of the job as the channel's payee has it
   */
  merkleRootOf(standard: ChannelJob, handle: NativeJob): Uint8Array {
    const root = standard.merkleRoot ?? handle.merkleRoot(standard.extranoncePrefix);
    if (standard === this.#active) standard.merkleRoot = root;
    return root;
  }

  /** Forgets everything. */
  clear(): void {
    for (const held of this.#credited()) this.#raiseForgotten(held);
    this.#active = undefined;
    this.#retained = [];
    this.#stale = NONE;
    this.#remembered = 0;
  }

  /** Jobs whose shares are credited. */
  *#credited(): Iterable<ChannelJob> {
    yield* this.#retained;
    if (this.#active !== undefined) yield this.#active;
  }

  #seenOf(job: MiningJob): ShareSet | undefined {
    const held =
      this.#active?.job === job ? this.#active : this.#retained.findLast((each) => each.job === job);
    if (held !== undefined) return held.seen;
    if (job.serial <= this.#forgottenSerial) throw new JobError({ code: "outdated-job", serial: job.serial });
    return undefined;
  }

  #retire(last: ChannelJob): void {
    const stale = [...this.#retained, last];
    for (const held of stale) {
      this.#raiseForgotten(held);
      held.seen = undefined;
      held.merkleRoot = undefined;
    }
    this.#stale = stale;
    this.#retained = [];
    this.#remembered = 0;
  }

  #dropSurplus(now: number): void {
    for (let oldest = this.#retained[0]; oldest !== undefined; oldest = this.#retained[0]) {
      if (this.#retained.length < this.#limits.maxJobs && now <= oldest.expiresAt) return;
      this.#forget(0);
    }
  }

  /** @param at index among the retained */
  #forget(at: number): void {
    const [held] = this.#retained.splice(at, 1);
    this.#raiseForgotten(held!);
    const { seen } = held!;
    if (seen === undefined) return;
    for (const other of this.#credited()) if (other.seen === seen) return;
    this.#remembered -= seen.size;
  }

  #raiseForgotten({ job }: ChannelJob): void {
    this.#forgottenSerial = Math.max(this.#forgottenSerial, job.serial);
  }
}

/** Where a job stands in a channel, see {@link JobTable}. */
export type JobState = "active" | "retained" | "stale";

/** A job as a channel gets it. */
export interface NewChannelJob {
  readonly jobId: number;
  readonly job: MiningJob;
  /** In force when the job was sent: a later SetExtranoncePrefix leaves it alone (SV2 5.3.10). */
  readonly extranoncePrefix: Uint8Array;
  /** Fixed at activation (SV2 5.3.21): a later SetTarget leaves it alone. */
  readonly bound: BoundTarget;
}

/** A job as one channel has it. */
export interface ChannelJob extends NewChannelJob {
  /** Monotonic milliseconds after which a retained job is forgotten; means nothing in other states. */
  expiresAt: number;
  /** Headers accepted on this job; undefined before the first. */
  seen: ShareSet | undefined;
  /** Of a standard channel's active job, see {@link JobTable.merkleRootOf}; undefined before its first share. */
  merkleRoot: Uint8Array | undefined;
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

/** A misuse of `Channel.activate`; see {@link JobTable.activate}. */
export type JobErrorType =
  | { code: "job-id-in-use"; jobId: number }
  | { code: "outdated-job"; serial: number };
/** Thrown by `Channel.activate`; nothing has changed then. */
export class JobError extends CodedError<JobErrorType> {}

const NONE: readonly ChannelJob[] = [];
