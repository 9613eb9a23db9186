import { bytesToTarget, sha256d, targetFromNbits } from "@lode/bitcoin";
import type { mining } from "@lode/protocol";
import type { ServerFields } from "../pool/scripted-miner.ts";
import { extendedRoot, hex } from "./hashing.ts";

/** A job as the client channel keeps it: with the prefix and the target of the moment it came. */
export interface HeldJob {
  readonly message: ServerFields<"NewExtendedMiningJob">;
  readonly prefix: Uint8Array;
  target: bigint;
  minNtime: number;
}

/** A share before it is numbered. */
export type FoundShare = Omit<mining.SubmitSharesExtended, "sequenceNumber">;

/** What {@link ClientExtendedChannel.validate} says of a share. */
export type LocalVerdict =
  | "valid"
  | "stale-share"
  | "invalid-job-id"
  | "bad-extranonce-size"
  | "invalid-share"
  | "difficulty-too-low"
  | "duplicate-share";

/** `MAX_FUTURE_JOBS` and `MAX_PAST_JOBS`, src/client/mod.rs. */
const MAX_FUTURE_JOBS = 16;
const MAX_PAST_JOBS = 16;
/** `MAX_EXTRANONCE_LEN`. */
const MAX_EXTRANONCE = 32;
/** `MAX_FUTURE_BLOCK_TIME`, seconds. */
const MAX_FUTURE_NTIME = 7200;
/** `VERSION_ROLLING_MASK`, BIP323. */
const VERSION_MASK = 0x1fff_ffe0;

/** The client side of an extended channel: channels_sv2 8.0.0, src/client/extended.rs. Every method says what the original refuses. */
export class ClientExtendedChannel {
  /** On the wire. */
  readonly id: number;
  readonly rollableSize: number;
  active: HeldJob | undefined;
  tip: ServerFields<"SetNewPrevHash"> | undefined;
  target: bigint;
  readonly #future = new Map<number, HeldJob>();
  readonly #past = new Map<number, HeldJob>();
  #stale = new Set<number>();
  readonly #seen = new Set<string>();
  #upstreamPrefix: Uint8Array;
  #tips = 0;
  /** What a proxy puts between the pool's prefix and the part that rolls. */
  readonly localPrefix: Uint8Array;

  constructor(
    id: number,
    upstreamPrefix: Uint8Array,
    localPrefix: Uint8Array,
    rollableSize: number,
    target: bigint,
  ) {
    this.id = id;
    this.#upstreamPrefix = upstreamPrefix;
    this.localPrefix = localPrefix;
    this.rollableSize = rollableSize;
    this.target = target;
  }

  get prefix(): Uint8Array {
    return Uint8Array.of(...this.#upstreamPrefix, ...this.localPrefix);
  }

  get upstreamPrefix(): Uint8Array {
    return this.#upstreamPrefix;
  }

  get fullSize(): number {
    return this.#upstreamPrefix.length + this.localPrefix.length + this.rollableSize;
  }

  /** SetNewPrevHash messages so far. */
  get tips(): number {
    return this.#tips;
  }

  get futureJobs(): Iterable<HeldJob> {
    return this.#future.values();
  }

  /** Whether a job of this id can still be worked on or will be: it must not come again. */
  holds(jobId: number): boolean {
    return this.active?.message.jobId === jobId || this.#past.has(jobId) || this.#future.has(jobId);
  }

  /** on_new_extended_mining_job, lines 433-513. */
  onJob(message: ServerFields<"NewExtendedMiningJob">): "JobMinNtimeBelowChainTip" | undefined {
    const held: HeldJob = {
      message,
      prefix: this.prefix,
      target: this.target,
      minNtime: message.minNtime ?? 0,
    };
    if (message.minNtime === null) {
      this.#future.delete(message.jobId);
      this.#future.set(message.jobId, held);
      evictOldest(this.#future, MAX_FUTURE_JOBS);
      return undefined;
    }
    if (this.tip !== undefined && message.minNtime < this.tip.minNtime) return "JobMinNtimeBelowChainTip";
    this.#stale.delete(message.jobId);
    const evicted = this.active;
    this.active = held;
    if (evicted !== undefined) {
      this.#past.delete(evicted.message.jobId);
      this.#past.set(evicted.message.jobId, evicted);
      evictOldest(this.#past, MAX_PAST_JOBS);
    }
    return undefined;
  }

  /** on_set_new_prev_hash, lines 740-796. */
  onPrevHash(fields: ServerFields<"SetNewPrevHash">): "JobIdNotFound" | undefined {
    const job = this.#future.get(fields.jobId);
    if (job === undefined) return "JobIdNotFound";
    job.minNtime = fields.minNtime;
    this.#stale = new Set(this.#past.keys());
    if (this.active !== undefined) this.#stale.add(this.active.message.jobId);
    this.#stale.delete(fields.jobId);
    this.#future.clear();
    this.#past.clear();
    this.active = job;
    if (this.tip !== undefined && hex(this.tip.prevHash) !== hex(fields.prevHash)) this.#seen.clear();
    this.tip = fields;
    this.#tips++;
    return undefined;
  }

  /** set_target, lines 311-330: jobs that wait get it too. */
  onTarget(target: bigint): "InvalidTarget" | undefined {
    if (target === 0n) return "InvalidTarget";
    this.target = target;
    for (const job of this.#future.values()) job.target = target;
    return undefined;
  }

  /** set_upstream_extranonce_prefix, lines 266-296. */
  onPrefix(upstreamPrefix: Uint8Array): "NewExtranoncePrefixTooLarge" | undefined {
    if (upstreamPrefix.length + this.localPrefix.length + this.rollableSize > MAX_EXTRANONCE) {
      return "NewExtranoncePrefixTooLarge";
    }
    this.#upstreamPrefix = upstreamPrefix;
    return undefined;
  }

  /** A channel that joins later takes over what another works on (channel_manager/mod.rs 1162-1206). */
  replay(jobs: Iterable<HeldJob>, tip: ServerFields<"SetNewPrevHash"> | undefined): void {
    const { target } = this;
    const current = this.#upstreamPrefix;
    this.tip = tip;
    for (const job of jobs) {
      this.target = job.target;
      this.#upstreamPrefix = job.prefix;
      this.onJob(withMinNtime(job));
    }
    this.target = target;
    this.#upstreamPrefix = current;
  }

  /** validate_share, lines 813-1009: what fails here never reaches the pool. */
  validate(share: FoundShare): LocalVerdict {
    if (this.#stale.has(share.jobId)) return "stale-share";
    const job = this.active?.message.jobId === share.jobId ? this.active : this.#past.get(share.jobId);
    if (job === undefined || this.tip === undefined) return "invalid-job-id";
    if (share.extranonce.length !== this.rollableSize) return "bad-extranonce-size";
    if (share.ntime < job.minNtime || share.ntime > job.minNtime + MAX_FUTURE_NTIME) return "invalid-share";
    if (((share.version ^ job.message.version) & ~VERSION_MASK) !== 0) return "invalid-share";
    const hash = this.#hash(share, job, this.tip);
    const value = bytesToTarget(hash);
    if (value > targetFromNbits(this.tip.nbits) && value >= job.target) return "difficulty-too-low";
    const key = hex(hash);
    if (this.#seen.has(key)) return "duplicate-share";
    this.#seen.add(key);
    return "valid";
  }

  #hash(share: FoundShare, job: HeldJob, tip: ServerFields<"SetNewPrevHash">): Uint8Array {
    const header = new Uint8Array(80);
    const view = new DataView(header.buffer);
    view.setUint32(0, share.version, true);
    header.set(tip.prevHash, 4);
    header.set(extendedRoot(job.message, job.prefix, share.extranonce), 36);
    view.setUint32(68, share.ntime, true);
    view.setUint32(72, tip.nbits, true);
    view.setUint32(76, share.nonce, true);
    return sha256d(header);
  }
}

/** The group's own books: channels_sv2 8.0.0, src/client/group.rs. */
export class ClientGroup {
  readonly members = new Set<number>();
  #fullSize: number | undefined;
  readonly #future = new Set<number>();

  /** add_channel_id, lines 67-88. */
  add(channelId: number, fullSize: number): "FullExtranonceSizeMismatch" | undefined {
    if (this.#fullSize !== undefined && this.#fullSize !== fullSize) return "FullExtranonceSizeMismatch";
    this.#fullSize = fullSize;
    this.members.add(channelId);
    return undefined;
  }

  /** on_new_extended_mining_job. */
  onJob({ jobId, minNtime }: ServerFields<"NewExtendedMiningJob">): void {
    if (minNtime !== null) return;
    this.#future.delete(jobId);
    this.#future.add(jobId);
    if (this.#future.size > MAX_FUTURE_JOBS) this.#future.delete(this.#future.values().next().value!);
  }

  /** on_set_new_prev_hash. */
  onPrevHash({ jobId }: ServerFields<"SetNewPrevHash">): "JobIdNotFound" | undefined {
    if (!this.#future.has(jobId)) return "JobIdNotFound";
    this.#future.clear();
    return undefined;
  }
}

function withMinNtime(job: HeldJob): ServerFields<"NewExtendedMiningJob"> {
  return job.message.minNtime === null && job.minNtime > 0
    ? { ...job.message, minNtime: job.minNtime }
    : job.message;
}

function evictOldest<V>(jobs: Map<number, V>, limit: number): void {
  if (jobs.size > limit) jobs.delete(jobs.keys().next().value!);
}
