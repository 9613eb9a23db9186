import { concatBytes, hashrateFromTarget } from "@lode/bitcoin";
import { SHARE_MEETS_FIRST, SHARE_MEETS_SECOND } from "@lode/native";
import { type Acknowledgement, AcknowledgementAccumulator } from "./acknowledgement.ts";
import { type BoundTarget, bindTarget } from "./bound-target.ts";
import { ChannelAccount, type ChannelAccountView } from "./channel-account.ts";
import type { ChannelSettings } from "./channel-settings.ts";
import { FULL_EXTRANONCE_SIZE, ROLLABLE_EXTRANONCE_SIZE } from "./extranonce-allocator.ts";
import type { Identity } from "./identity.ts";
import type { Instant } from "./instant.ts";
import type { MiningJob } from "./job.ts";
import { creditedWork } from "./job-facts.ts";
import { type ChannelJob, type JobState, JobTable } from "./job-table.ts";
import { type JobVariant, type Payee, poolPayee } from "./payee.ts";
import {
  type AcceptedShare,
  type FoundBlock,
  type ShareErrorCode,
  type ShareSubmission,
  type ShareVerdict,
  shareErrors,
} from "./share.ts";
import { refusal, refused } from "./share-rules.ts";
import { SubmittedBlocks } from "./submitted-blocks.ts";
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
  /** Whom the identity's blocks pay; the pool if absent. */
  payee?: Payee;
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
  /** Whom the coinbases of its jobs pay. */
  readonly payee: Payee;
  /** Bytes the client chooses: 0 for a standard channel, 16 for an extended one. */
  readonly extranonceSize: number;
  readonly settings: ChannelSettings;

  readonly #jobs: JobTable;
  readonly #vardiff: Vardiff;
  readonly #acknowledgement = new AcknowledgementAccumulator();
  readonly #blocks = new SubmittedBlocks();
  readonly #account = new ChannelAccount();
  #extranoncePrefix: Uint8Array;
  /** Replaced prefixes that jobs held here were sent under. */
  #retiredPrefixes: readonly Uint8Array[] = NONE;
  #nominalHashrate: number;
  readonly #limits: TargetLimits;
  /** What vardiff and the limits make of it, before the network has its say. */
  #wished: bigint;
  #inForce: BoundTarget;
  /** The newest job as this payee's, from the first share on. A superseded one is made again for each share that is late. */
  #variant: JobVariant | undefined;
  #activatedAt = Number.NEGATIVE_INFINITY;
  #retargetedAt = Number.NEGATIVE_INFINITY;
  #lastEarnedAt: number;

  /** @throws ChannelError `invalid-nominal-hashrate` or `max-target-out-of-range` */
  constructor(options: ChannelOptions) {
    checkClientWishes(options.nominalHashrate, options.maxTarget);
    const { settings, extranoncePrefix, kind } = options;
    this.settings = settings;
    this.connectionId = options.connectionId;
    this.id = options.id;
    this.kind = kind;
    this.identity = options.identity;
    this.payee = options.payee ?? poolPayee;
    this.extranonceSize = kind === "standard" ? 0 : ROLLABLE_EXTRANONCE_SIZE;
    this.#extranoncePrefix = this.#padded(extranoncePrefix);
    this.#jobs = new JobTable(settings);
    this.#lastEarnedAt = options.now.monotonic;
    this.#nominalHashrate = options.nominalHashrate;
    const { sharesPerMinute, easiestTarget } = settings;
    this.#limits = { sharesPerMinute, easiestTarget, maxTarget: options.maxTarget };
    const lowest = hashrateFromTarget(easiestTarget, sharesPerMinute);
    this.#vardiff = new Vardiff(options.nominalHashrate, Math.max(lowest, Number.MIN_VALUE));
    this.#wished = targetForHashrate(this.#vardiff.assumedHashrate, this.#limits);
    this.#inForce = bindTarget(this.#wished);
  }

  /** As the client gets it: 20 bytes for a standard channel (16 of them zero), 4 for an extended one. Of the next job. */
  get extranoncePrefix(): Uint8Array {
    return this.#extranoncePrefix;
  }

  /** What became of this channel's shares, for statistics. */
  get account(): ChannelAccountView {
    return this.#account;
  }

  /** Monotonic time of the last accepted share; before the first, of the opening. */
  get lastEarnedAt(): number {
    return this.#lastEarnedAt;
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
    return this.#jobs.active?.job;
  }

  /** Monotonic time of the newest job's activation: when a refresh is due is the session's to decide. */
  get activatedAt(): number {
    return this.#activatedAt;
  }

  /** Monotonic time at which {@link target} last changed under the client, so that targets can be kept from flapping. */
  get retargetedAt(): number {
    return this.#retargetedAt;
  }

  /**
   * How long one job lasts this channel, milliseconds: a standard job has 2^48 headers for firmware that rolls 16 version
   * bits and leaves ntime alone (SV2 5.1.1). Infinity where the client rolls an extranonce.
   */
  get searchSpaceMs(): number {
    return this.kind === "extended"
      ? Number.POSITIVE_INFINITY
      : (1000 * STANDARD_JOB_HEADERS) / this.hashrate;
  }

  /**
   * Merkle root of the newest job under {@link extranoncePrefix}, which is all of a standard channel's extranonce: 32 bytes,
   * header order. Undefined before the first job.
   */
  newestMerkleRoot(): Uint8Array | undefined {
    const { job } = this;
    return job && this.#variantOf(job).handle.merkleRoot(this.#extranoncePrefix);
  }

  /** {@link JobState} of a job, undefined when it is not held. */
  stateOf(jobId: number): JobState | undefined {
    return this.#jobs.stateOf(jobId);
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
    const first = this.#jobs.active === undefined;
    this.#jobs.activate({ jobId, job, extranoncePrefix: this.#extranoncePrefix, bound }, now.monotonic);
    this.#inForce = bound;
    this.#variant = undefined;
    this.#activatedAt = now.monotonic;
    if (changed && !first) this.#retargetedAt = now.monotonic;
    if (changed || first) this.#vardiff.bind(bound.expectedHashes, now.monotonic);
    return changed;
  }

  /**
   * Judges a share: job known, extranonce size, hash; then the order of {@link refusal}. A hash at or under the network's
   * target of its job is reported as a block once, whether or not the share is accepted, stale jobs included.
   */
  checkShare(submission: ShareSubmission, now: Instant): ShareVerdict {
    const known = this.#jobs.find(submission.jobId, now.monotonic);
    if (known === undefined) return this.#refuse(shareErrors.unknownJob);
    const extranonce = this.#fullExtranonce(known.extranoncePrefix, submission.extranonce);
    if (extranonce === undefined) return this.#refuse(shareErrors.extranonceSize);

    const variant = this.#variantOf(known.job);
    const met = this.#checkHeader(known, variant, submission, extranonce);
    const code = refusal(known, submission, now, hash, (met & SHARE_MEETS_FIRST) !== 0, this.#jobs);
    const isNewBlock = (met & SHARE_MEETS_SECOND) !== 0 && this.#blocks.add(hash);
    const block = isNewBlock ? this.#found(known.job, variant, submission, extranonce, now) : undefined;
    if (block !== undefined) this.#account.onBlock();
    if (code !== undefined) return this.#refuse(code, block);

    this.#jobs.remember(known, hash);
    this.#account.onAccepted(known.bound.expectedHashes, now.wall);
    this.#lastEarnedAt = now.monotonic;
    const share: AcceptedShare = {
      connectionId: this.connectionId,
      channelId: this.id,
      sequenceNumber: submission.sequenceNumber,
      identity: this.identity,
      worker: submission.worker ?? this.identity.worker,
      work: known.bound.work,
      creditedWork: creditedWork(known.bound.work, variant.facts),
      job: variant.facts,
      blockHash: (met & SHARE_MEETS_SECOND) === 0 ? null : hash.slice(),
      receivedAt: now.wall,
    };
    // Vardiff counts shares of one target only, the one in force.
    const reconsider = known.bound === this.#inForce && this.#vardiff.onAcceptedShare(now.monotonic);
    return { accepted: true, share, block, retarget: reconsider && this.#reconsider() };
  }

  /**
   * Lets vardiff see that time has passed; to be called every few seconds, 10 at most.
   *
   * @returns true while the channel should get a fresh job, so that another target comes into force
   */
  onTimer(now: Instant): boolean {
    return this.#vardiff.onTimer(now.monotonic) ? this.#reconsider() : this.#wishesAnotherTarget();
  }

  /**
   * UpdateChannel (SV2 5.3.7). A smaller `maxTarget` is honoured with the next job, or by {@link adoptTarget}. The rate is only news when it changed
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
    return this.#reconsider();
  }

  /**
   * Another prefix, for all jobs from now on (SetExtranoncePrefix, SV2 5.3.10); jobs the client has keep theirs. The old one
   * comes back through {@link takeFreedPrefixes}.
   *
   * @param extranoncePrefix 4 bytes from the `ExtranonceAllocator`
   */
  setExtranoncePrefix(extranoncePrefix: Uint8Array): void {
    this.#retiredPrefixes = [...this.#retiredPrefixes, this.#extranoncePrefix];
    this.#extranoncePrefix = this.#padded(extranoncePrefix);
  }

  /** Replaced prefixes which no job held here was sent under, each once: they can be given to another channel. */
  takeFreedPrefixes(): readonly Uint8Array[] {
    if (this.#retiredPrefixes.length === 0) return NONE;
    const freed = this.#retiredPrefixes.filter((prefix) => !this.#jobs.uses(prefix));
    if (freed.length > 0)
      this.#retiredPrefixes = this.#retiredPrefixes.filter((kept) => !freed.includes(kept));
    return freed;
  }

  /**
   * Brings the target into force that a job would, for a channel that gets none from us (SV2 5.3.1, REQUIRES_WORK_SELECTION).
   *
   * @returns true when {@link target} changed: SetTarget must leave
   */
  adoptTarget(now: Instant): boolean {
    if (this.job !== undefined || this.#wished === this.#inForce.target) return false;
    this.#inForce = bindTarget(this.#wished);
    this.#retargetedAt = now.monotonic;
    return true;
  }

  /**
   * Counts a share of this channel that is durable now.
   *
   * @returns true when it is the first since {@link takeAcknowledgement}
   */
  acknowledge({ sequenceNumber, work }: AcceptedShare): boolean {
    this.#acknowledgement.add(sequenceNumber, work);
    return this.#acknowledgement.count === 1;
  }

  /** What is durable and was not answered yet, once; undefined when there is nothing. */
  takeAcknowledgement(): Acknowledgement | undefined {
    return this.#acknowledgement.take();
  }

  /**
   * Forgets all jobs; shares find no job any more. What was accepted stays accepted.
   *
   * @returns every prefix the channel had
   */
  close(): readonly Uint8Array[] {
    this.#jobs.clear();
    return [...this.takeFreedPrefixes(), this.#extranoncePrefix];
  }

  /** SubmitSharesStandard has no extranonce, SubmitSharesExtended always has one (SV2 5.3.11, 5.3.12). */
  #fullExtranonce(prefix: Uint8Array, chosen: Uint8Array | null): Uint8Array | undefined {
    if (chosen === null) return this.kind === "standard" ? prefix : undefined;
    if (this.kind === "standard" || chosen.length !== this.extranonceSize) return undefined;
    extendedExtranonce.set(prefix);
    extendedExtranonce.set(chosen, prefix.length);
    return extendedExtranonce;
  }

  /** Leaves the header's hash in {@link hash}. Returns what `NativeJob.checkShare` does. */
  #checkHeader(
    known: ChannelJob,
    { handle }: JobVariant,
    { version, ntime, nonce }: ShareSubmission,
    extranonce: Uint8Array,
  ): number {
    const { networkTarget } = known.job;
    const target = known.bound.bytes;
    return this.kind === "standard"
      ? handle.checkStandardShare(
          this.#jobs.merkleRootOf(known, handle),
          version,
          ntime,
          nonce,
          target,
          networkTarget,
          hash,
        )
      : handle.checkShare(extranonce, version, ntime, nonce, target, networkTarget, hash);
  }

  /** A job as this channel's payee has it. */
  #variantOf(job: MiningJob): JobVariant {
    const { payee } = this;
    if (payee === poolPayee) return job;
    if (job !== this.job) return payee.variantOf(job);
    this.#variant ??= payee.variantOf(job);
    return this.#variant;
  }

  /** A prefix as the client gets it. All channels agree on the size of the full extranonce (SV2 5.2.3). */
  #padded(prefix: Uint8Array): Uint8Array {
    const padded = new Uint8Array(FULL_EXTRANONCE_SIZE - this.extranonceSize);
    padded.set(prefix);
    return padded;
  }

  #refuse(code: ShareErrorCode, block?: FoundBlock): ShareVerdict {
    this.#account.onRejected(code);
    return block === undefined ? refused(code) : { accepted: false, code, block };
  }

  #found(
    job: MiningJob,
    { facts, handle, coinbaseTxSuffix }: JobVariant,
    { version, ntime, nonce }: ShareSubmission,
    extranonce: Uint8Array,
    now: Instant,
  ): FoundBlock {
    return {
      job,
      facts,
      header: handle.header(extranonce, version, ntime, nonce),
      hash: hash.slice(),
      coinbaseTx: concatBytes(job.coinbaseTxPrefix, extranonce, coinbaseTxSuffix),
      version,
      ntime,
      nonce,
      identity: this.identity,
      connectionId: this.connectionId,
      channelId: this.id,
      foundAt: now.wall,
    };
  }

  /** What vardiff assumes changed, or a limit. */
  #reconsider(): boolean {
    this.#wished = targetForHashrate(this.#vardiff.assumedHashrate, this.#limits);
    return this.#wishesAnotherTarget();
  }

  #wishesAnotherTarget(): boolean {
    const { job } = this;
    return (job === undefined ? this.#wished : this.#targetOn(job)) !== this.#inForce.target;
  }

  #targetOn(job: MiningJob): bigint {
    return targetOnTip(this.#wished, job.tip.target, this.#limits);
  }
}

const NONE: readonly Uint8Array[] = [];
/** Nonces times the version bits that common firmware rolls (mask 0x1fffe000). */
const STANDARD_JOB_HEADERS = 2 ** 48;

/** Scratch space of one check; nothing outside it keeps them. */
const hash = new Uint8Array(32);
const extendedExtranonce = new Uint8Array(FULL_EXTRANONCE_SIZE);
