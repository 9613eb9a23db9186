import { concatBytes, hashrateFromTarget } from "@lode/bitcoin";
import { SHARE_MEETS_FIRST, SHARE_MEETS_SECOND } from "@lode/native";
import { type Acknowledgement, AcknowledgementAccumulator } from "./acknowledgement.ts";
import { BlockLog } from "./block-log.ts";
import { type BoundTarget, bindTarget } from "./bound-target.ts";
import type { ChannelSettings } from "./channel-settings.ts";
import { FULL_EXTRANONCE_SIZE, ROLLABLE_EXTRANONCE_SIZE } from "./extranonce-allocator.ts";
import type { Identity } from "./identity.ts";
import type { Instant } from "./instant.ts";
import type { MiningJob } from "./job.ts";
import { JobTable } from "./job-table.ts";
import {
  type AcceptedShare,
  type FoundBlock,
  type ShareSubmission,
  type ShareVerdict,
  shareErrors,
} from "./share.ts";
import { refusal, refused } from "./share-rules.ts";
import { checkClientWishes, type TargetLimits, targetForHashrate, targetOnTip } from "./target-policy.ts";
import { Vardiff } from "./vardiff.ts";

/** What a new channel is made of. */
export interface ChannelOptions {
  settings: ChannelSettings;
  connectionId: number;
  /** Chosen by the session, unique in the connection. */
  id: number;
  kind: "standard" | "extended";
  identity: Identity;
  /** 4 bytes from the `ExtranonceAllocator`; releasing them stays the session's duty, also when opening fails. */
  extranoncePrefix: Uint8Array;
  /** nominal_hash_rate, hashes per second; 0 is valid (SV2 5.3.2). */
  nominalHashrate: number;
  /** max_target. */
  maxTarget: bigint;
  now: Instant;
}

/** One channel: its extranonce, jobs, targets and what is owed to it. */
export class Channel {
  readonly connectionId: number;
  readonly id: number;
  readonly kind: "standard" | "extended";
  readonly identity: Identity;
  /** As the client gets it: 20 bytes for a standard channel (16 of them zero), 4 for an extended one. */
  readonly extranoncePrefix: Uint8Array;
  /** Bytes the client chooses: 0 for a standard channel, 16 for an extended one. */
  readonly extranonceSize: number;
  readonly settings: ChannelSettings;

  readonly #jobs: JobTable;
  readonly #vardiff: Vardiff;
  readonly #acknowledgement = new AcknowledgementAccumulator();
  readonly #blocks = new BlockLog();
  #nominalHashrate: number;
  readonly #limits: TargetLimits;
  /** What vardiff and the limits make of it, before the network has its say. */
  #wished: bigint;
  #inForce: BoundTarget;
  #activatedAt = Number.NEGATIVE_INFINITY;

  /** @throws ChannelError `invalid-nominal-hashrate` or `max-target-out-of-range` */
  constructor(options: ChannelOptions) {
    checkClientWishes(options.nominalHashrate, options.maxTarget);
    const { settings, extranoncePrefix, kind } = options;
    this.settings = settings;
    this.connectionId = options.connectionId;
    this.id = options.id;
    this.kind = kind;
    this.identity = options.identity;
    this.extranonceSize = kind === "standard" ? 0 : ROLLABLE_EXTRANONCE_SIZE;
    this.extranoncePrefix = new Uint8Array(FULL_EXTRANONCE_SIZE - this.extranonceSize);
    this.extranoncePrefix.set(extranoncePrefix);
    this.#jobs = new JobTable(settings);
    this.#nominalHashrate = options.nominalHashrate;
    const { sharesPerMinute, easiestTarget } = settings;
    this.#limits = { sharesPerMinute, easiestTarget, maxTarget: options.maxTarget };
    const lowest = hashrateFromTarget(easiestTarget, sharesPerMinute);
    this.#vardiff = new Vardiff(options.nominalHashrate, Math.max(lowest, Number.MIN_VALUE));
    this.#wished = targetForHashrate(this.#vardiff.assumedHashrate, this.#limits);
    this.#inForce = bindTarget(this.#wished);
  }

  /** Target the client was last told and the newest job is judged by. Before the first job: the one it opens with. */
  get target(): bigint {
    return this.#inForce.target;
  }

  /** {@link target} for the wire: 32 bytes, little-endian. Not to be changed. */
  get targetBytes(): Uint8Array {
    return this.#inForce.bytes;
  }

  /** Estimated hashes per second, for display. */
  get hashrate(): number {
    return this.#vardiff.hashrate;
  }

  /** The newest job, undefined before the first. */
  get job(): MiningJob | undefined {
    return this.#jobs.newest?.job;
  }

  /** Monotonic time of the newest job's activation: when a refresh is due is the session's to decide. */
  get activatedAt(): number {
    return this.#activatedAt;
  }

  /**
   * The client works on `job` from now on, under `jobId`. Binds the target the channel should have on this tip to the job;
   * earlier jobs keep theirs (SV2 5.3.21). Earlier jobs of the same tip are still credited, within the settings' limits;
   * those of another tip become stale and are kept until the tip after.
   *
   * @returns true when {@link target} changed: SetTarget must leave before the job does (while opening, the Success message
   *   carries it)
   * @throws JobError for an id that is in use or a job that was already forgotten here
   */
  activate(jobId: number, job: MiningJob, now: Instant): boolean {
    const target = this.#targetOn(job);
    const changed = target !== this.#inForce.target;
    const bound = changed ? bindTarget(target) : this.#inForce;
    const first = this.#jobs.newest === undefined;
    this.#jobs.activate(jobId, job, bound, now.monotonic);
    this.#inForce = bound;
    this.#activatedAt = now.monotonic;
    if (changed || first) this.#vardiff.bind(Number(bound.work), now.monotonic);
    return changed;
  }

  /**
   * Judges a share: job known, extranonce size, hash; then the order of {@link refusal}. A hash at or under the network's
   * target of its job is reported as a block once, whether or not the share is accepted, stale jobs included.
   */
  checkShare(submission: ShareSubmission, now: Instant): ShareVerdict {
    const known = this.#jobs.find(submission.jobId, now.monotonic);
    if (known === undefined) return refused(shareErrors.unknownJob);
    const extranonce = this.#fullExtranonce(submission.extranonce);
    if (extranonce === undefined) return refused(shareErrors.extranonceSize);

    const { version, ntime, nonce } = submission;
    const { handle, networkTarget } = known.job;
    const met = handle.checkShare(extranonce, version, ntime, nonce, known.bound.bytes, networkTarget, hash);

    const code = refusal(known, submission, now, hash, (met & SHARE_MEETS_FIRST) !== 0, this.#jobs);
    const isNewBlock = (met & SHARE_MEETS_SECOND) !== 0 && this.#blocks.add(hash);
    const block = isNewBlock ? this.#found(known.job, submission, extranonce, now) : undefined;
    if (code !== undefined) return block === undefined ? refused(code) : { accepted: false, code, block };

    this.#jobs.remember(known, hash);
    const share: AcceptedShare = {
      connectionId: this.connectionId,
      channelId: this.id,
      sequenceNumber: submission.sequenceNumber,
      jobId: submission.jobId,
      identity: this.identity,
      work: known.bound.work,
      hash: hash.slice(),
      receivedAt: now.wall,
      channel: this,
    };
    // Vardiff counts shares of one target only, the one in force.
    const reconsider = known.bound === this.#inForce && this.#vardiff.onAcceptedShare(now.monotonic);
    return { accepted: true, share, block, retarget: reconsider && this.#wishesAnotherTarget() };
  }

  /**
   * Lets vardiff see that time has passed; to be called every few seconds, 10 at most.
   *
   * @returns true while the channel should get a fresh job, so that another target comes into force
   */
  onTimer(now: Instant): boolean {
    this.#vardiff.onTimer(now.monotonic);
    return this.#wishesAnotherTarget();
  }

  /**
   * UpdateChannel (SV2 5.3.7). A smaller `maxTarget` is honoured with the next job. The rate is only news when it changed
   * and differs from what was measured by more than a factor of 2: then vardiff starts over from it.
   *
   * @returns as {@link onTimer}
   * @throws ChannelError `invalid-nominal-hashrate` or `max-target-out-of-range`
   */
  update(nominalHashrate: number, maxTarget: bigint, now: Instant): boolean {
    checkClientWishes(nominalHashrate, maxTarget);
    this.#vardiff.onTimer(now.monotonic);
    const measured = this.#vardiff.hashrate;
    const surprising = nominalHashrate > 2 * measured || nominalHashrate < measured / 2;
    if (nominalHashrate !== this.#nominalHashrate && surprising) this.#vardiff.restart(nominalHashrate);
    this.#nominalHashrate = nominalHashrate;
    this.#limits.maxTarget = maxTarget;
    return this.#wishesAnotherTarget();
  }

  /** Counts a share of this channel that is durable now. */
  acknowledge(share: AcceptedShare): void {
    this.#acknowledgement.add(share.sequenceNumber, share.work);
  }

  /** What is durable and was not answered yet, once; undefined when there is nothing. */
  takeAcknowledgement(): Acknowledgement | undefined {
    return this.#acknowledgement.take();
  }

  /** Forgets all jobs; shares find no job any more. What was accepted stays accepted. */
  close(): void {
    this.#jobs.clear();
  }

  /** SubmitSharesStandard has no extranonce, SubmitSharesExtended always has one (SV2 5.3.11, 5.3.12). */
  #fullExtranonce(chosen: Uint8Array | null): Uint8Array | undefined {
    if (chosen === null) return this.kind === "standard" ? this.extranoncePrefix : undefined;
    if (this.kind === "standard" || chosen.length !== this.extranonceSize) return undefined;
    extendedExtranonce.set(this.extranoncePrefix);
    extendedExtranonce.set(chosen, this.extranoncePrefix.length);
    return extendedExtranonce;
  }

  #found(job: MiningJob, submission: ShareSubmission, extranonce: Uint8Array, now: Instant): FoundBlock {
    const { version, ntime, nonce } = submission;
    return {
      job,
      header: job.handle.header(extranonce, version, ntime, nonce),
      hash: hash.slice(),
      coinbaseTx: concatBytes(job.coinbaseTxPrefix, extranonce, job.coinbaseTxSuffix),
      version,
      ntime,
      nonce,
      identity: this.identity,
      foundAt: now.wall,
    };
  }

  #wishesAnotherTarget(): boolean {
    this.#wished = targetForHashrate(this.#vardiff.assumedHashrate, this.#limits);
    const { job } = this;
    return job !== undefined && this.#targetOn(job) !== this.#inForce.target;
  }

  #targetOn(job: MiningJob): bigint {
    return targetOnTip(this.#wished, job.tip.target, this.#limits);
  }
}

/** Scratch space of one check; nothing outside it keeps them. */
const hash = new Uint8Array(32);
const extendedExtranonce = new Uint8Array(FULL_EXTRANONCE_SIZE);
