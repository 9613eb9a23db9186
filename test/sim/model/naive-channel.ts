import {
  bytesToTarget,
  concatBytes,
  DIFF1_WORK,
  internalToDisplay,
  merkleRoot,
  sha256d,
  targetFromNbits,
  targetToBytes,
  workOfTarget,
} from "@lode/bitcoin";
import type { Identity, JobLimits } from "@lode/mining";
import type { mining } from "@lode/protocol";
import { HeaderHasher, isAtMost } from "./hashing.ts";

/** A share as it came over the wire; `extranonce` is null in SubmitSharesStandard. */
export interface Submission {
  readonly sequenceNumber: number;
  readonly jobId: number;
  readonly nonce: number;
  readonly ntime: number;
  readonly version: number;
  readonly extranonce: Uint8Array | null;
}

/** What a share must become. */
export interface Expectation {
  /** Verdicts that are right: `accepted` or error codes. More than one only where memory may have run out. */
  readonly allowed: readonly string[];
  /** Whether it must, may or must not be handed in as a block. */
  readonly block: "must" | "may" | "no";
  /** Block hash, display order; null where none can be told. */
  readonly hash: string | null;
  readonly job: NaiveJob | null;
}

/** A share the pool took and has not answered. */
export interface OpenShare {
  readonly sequenceNumber: number;
  readonly work: bigint;
  readonly prevHash: Uint8Array;
  readonly nbits: number;
  /** Display order; null when it is no block. */
  readonly blockHash: string | null;
  /** Virtual milliseconds. */
  readonly acceptedAt: number;
  durable: boolean;
}

type JobMessage = mining.NewMiningJob | mining.NewExtendedMiningJob;

/** A job as it was received, and the prefix it is for (SV2 5.3.10). */
interface FutureJob {
  readonly message: JobMessage;
  readonly prefix: Uint8Array;
}

interface NaiveJob {
  readonly jobId: number;
  readonly version: number;
  /** Merkle root for what a miner puts behind the prefix. */
  readonly root: (extranonce: Uint8Array) => Uint8Array;
  /** In force when the job came. */
  readonly prefix: Uint8Array;
  readonly prevHash: Uint8Array;
  readonly nbits: number;
  readonly minNtime: number;
  /** min_ntime of the first job on this prev_hash. */
  readonly lowestNtime: number;
  readonly target: Uint8Array;
  readonly networkTarget: Uint8Array;
  readonly seen: Set<string>;
  /** When another job of the same tip took its place; Infinity while it is the newest. */
  supersededAt: number;
}

/** Jobs above the limit that are still looked at: a channel whose memory is full may have dropped younger ones. */
const UNSURE_JOBS = 64;
const NO_BYTES = new Uint8Array(0);
const ROLLING_MASK = 0x1fff_ffe0;

/** What a channel is made of. */
export interface NaiveChannelFields {
  readonly id: number;
  readonly kind: "standard" | "extended";
  readonly identity: Identity;
  readonly groupId: number;
  /** Of the opening; SetExtranoncePrefix changes it for later jobs. */
  readonly prefix: Uint8Array;
  readonly extranonceSize: number;
  readonly target: Uint8Array;
  /** The client's limit; changes with UpdateChannel. */
  maxTarget: Uint8Array;
}

/**
 * A channel as anybody on the wire could know it, in the plainest code there is: jobs from the pool's own messages, shares
 * judged by them, answers added up. The pool is compared with it share by share.
 */
export class NaiveChannel {
  readonly fields: NaiveChannelFields;
  readonly #limits: JobLimits;
  #target: Uint8Array;
  #prefix: Uint8Array;
  readonly #future = new Map<number, FutureJob>();
  /** Of the tip, oldest first. */
  #jobs: NaiveJob[] = [];
  /** Of the tip before, as far as the pool must remember them; `surely` while it certainly does. */
  #previous: { readonly job: NaiveJob; readonly surely: boolean }[] = [];
  #acceptedOnTip = 0;
  #blocks = new Set<string>();
  /** Accepted and not answered, in order. */
  readonly open: OpenShare[] = [];
  /** Accepted and not recorded, by sequence number. */
  readonly unrecorded = new Map<number, OpenShare[]>();
  #answeredWork = 0n;
  /** Virtual time of the newest job. */
  jobAt = 0;
  /** Virtual time of the last accepted share. */
  acceptedAt = Number.NEGATIVE_INFINITY;

  constructor(fields: NaiveChannelFields, limits: JobLimits) {
    this.fields = fields;
    this.#limits = limits;
    this.#target = fields.target;
    this.#prefix = fields.prefix;
  }

  /** Of the next job. */
  get target(): bigint {
    return bytesToTarget(this.#target);
  }

  /** Id of the newest job, or of one that came so many jobs before it, other tips' included. */
  jobIdBefore(back: number): number | undefined {
    return [...this.#previous.map(({ job }) => job), ...this.#jobs].at(-1 - back)?.jobId;
  }

  /** Names the newest job's search space: the merkle root behind its prefix and sixteen zeros, where it has them. */
  searchSpace(): string {
    const { kind, extranonceSize } = this.fields;
    const zeros = new Uint8Array(kind === "standard" ? 0 : extranonceSize);
    return Buffer.from(this.#jobs.at(-1)?.root(zeros) ?? NO_BYTES).toString("hex");
  }

  /** Prefixes that nobody else may have: the channel's, and those of jobs whose shares are certainly credited. */
  prefixes(now: number): Uint8Array[] {
    const held = this.#jobs.filter((job) => this.#isKnown(job, now) && this.#hasRoom);
    return [this.#prefix, ...held.map(({ prefix }) => prefix)];
  }

  /** @returns what is wrong with the message */
  setPrefix(prefix: Uint8Array): string | null {
    if (prefix.length !== this.#prefix.length) return "the extranonce would change its size";
    this.#prefix = prefix.slice();
    return null;
  }

  /** prev_hash and nbits of the newest job; null before it. */
  get tip(): { readonly prevHash: Uint8Array; readonly nbits: number } | null {
    return this.#jobs.at(-1) ?? null;
  }

  /** @returns what is wrong with the message */
  setTarget(target: Uint8Array): string | null {
    this.#target = target.slice();
    return null;
  }

  /** @returns what is wrong with the message */
  addJob(message: JobMessage, now: number): string | null {
    if (message.minNtime === null) {
      this.#future.set(message.jobId, { message: copyOf(message), prefix: this.#prefix });
      return null;
    }
    const last = this.#jobs.at(-1);
    if (last === undefined) return "a job before any SetNewPrevHash";
    if (message.minNtime < last.minNtime) return "min_ntime went back on the same tip";
    const job = { message, prefix: this.#prefix };
    return this.#activate(job, { ...last, minNtime: message.minNtime }, now);
  }

  /** @returns what is wrong with the message */
  setNewPrevHash(message: mining.SetNewPrevHash, now: number): string | null {
    const job = this.#future.get(message.jobId);
    if (job === undefined) return `SetNewPrevHash names job ${message.jobId}, which is no future job`;
    this.#future.clear();
    const last = this.#jobs.at(-1);
    if (last !== undefined && Buffer.compare(last.prevHash, message.prevHash) === 0) {
      // Test networks change nbits alone; what was handed out before stays good.
      if (last.nbits === message.nbits) return "the new tip is the old one";
      if (message.minNtime < last.minNtime) return "min_ntime went back on the same tip";
      return this.#activate(job, { ...message, prevHash: last.prevHash }, now);
    }
    this.#previous = this.#jobs.map((known) => ({
      job: known,
      surely: this.#isKnown(known, now) && this.#hasRoom,
    }));
    this.#jobs = [];
    this.#acceptedOnTip = 0;
    return this.#activate(job, { ...message, prevHash: message.prevHash.slice() }, now);
  }

  /**
   * What must become of a share.
   *
   * @param wall the pool's own clock, milliseconds
   * @param now virtual time
   */
  expect(submission: Submission, wall: number, now: number): Expectation {
    const { job, stale, surely } = this.#find(submission.jobId, now);
    if (job === null) return { allowed: ["invalid-job-id"], block: "no", hash: null, job };
    const unsure = surely ? [] : ["invalid-job-id"];
    const extranonce = this.#extranonceOf(submission);
    if (extranonce === null) {
      return { allowed: ["bad-extranonce-size", ...unsure], block: "no", hash: null, job };
    }
    const { version, ntime, nonce } = submission;
    const header = {
      version,
      ntime,
      prevHash: job.prevHash,
      nbits: job.nbits,
      merkleRoot: job.root(extranonce),
    };
    const internal = new HeaderHasher(header).hash(nonce);
    const hash = internalToDisplay(internal);
    const isBlock = isAtMost(internal, job.networkTarget);
    const block = !isBlock ? "no" : surely && !this.#blocks.has(hash) ? "must" : "may";
    const verdict = this.#verdict(job, stale, submission, isAtMost(internal, job.target), hash, wall);
    const full = verdict === "accepted" && !this.#hasRoom ? ["too-many-shares"] : [];
    return { allowed: [verdict, ...unsure, ...full], block, hash, job };
  }

  /** The pool took the share. */
  accept({ sequenceNumber }: Submission, { job, hash, block }: Expectation, now: number): void {
    const { prevHash, nbits, target } = job!;
    const work = workOfTarget(bytesToTarget(target));
    const blockHash = block === "no" ? null : hash;
    const share = { sequenceNumber, work, prevHash, nbits, blockHash, acceptedAt: now, durable: false };
    this.#acceptedOnTip++;
    this.acceptedAt = now;
    job!.seen.add(hash!);
    this.open.push(share);
    const sameNumber = this.unrecorded.get(sequenceNumber);
    if (sameNumber === undefined) this.unrecorded.set(sequenceNumber, [share]);
    else sameNumber.push(share);
  }

  /** The pool handed the block in. */
  handedIn(hash: string): void {
    this.#blocks.add(hash);
  }

  /** The share is in the store. @returns the share, or null when no such share was waiting for it */
  recorded(sequenceNumber: number): OpenShare | null {
    const waiting = this.unrecorded.get(sequenceNumber);
    const share = waiting?.shift();
    if (waiting?.length === 0) this.unrecorded.delete(sequenceNumber);
    if (share === undefined) return null;
    share.durable = true;
    return share;
  }

  /** Checks a SubmitShares.Success. @returns what is wrong, and whether a share in it was not durable */
  answered(answer: mining.SubmitSharesSuccess): { fault: string | null; undurable: boolean } {
    const { newSubmitsAcceptedCount: count, lastSequenceNumber, newSharesSum } = answer;
    const shares = this.open.splice(0, count);
    const before = this.#answeredWork;
    for (const share of shares) this.#answeredWork += share.work;
    const undurable = shares.some((share) => !share.durable);
    const sum = this.#answeredWork / DIFF1_WORK - before / DIFF1_WORK;
    const what = `count ${count}, last ${lastSequenceNumber}, sum ${newSharesSum}`;
    if (count === 0 || shares.length < count)
      return { fault: `${what}: only ${shares.length} were open`, undurable };
    if (shares.at(-1)!.sequenceNumber !== lastSequenceNumber) {
      return { fault: `${what}: the last one was ${shares.at(-1)!.sequenceNumber}`, undurable };
    }
    if (newSharesSum !== sum) return { fault: `${what}: the work is ${sum}`, undurable };
    return { fault: null, undurable };
  }

  get #hasRoom(): boolean {
    return this.#acceptedOnTip < this.#limits.maxRememberedShares;
  }

  #find(jobId: number, now: number): { job: NaiveJob | null; stale: boolean; surely: boolean } {
    const current = this.#jobs.find((job) => job.jobId === jobId);
    if (current !== undefined) {
      const known = this.#isKnown(current, now);
      if (!known && (this.#hasRoom || this.#isExpired(current, now))) return UNKNOWN;
      const surely = known && (this.#hasRoom || current === this.#jobs.at(-1));
      return { job: current, stale: false, surely };
    }
    const previous = this.#previous.find(({ job }) => job.jobId === jobId);
    if (previous === undefined) return UNKNOWN;
    return { job: previous.job, stale: true, surely: previous.surely && this.#hasRoom };
  }

  /** Superseded jobs of the tip are credited for a while, and only so many. */
  #isKnown(job: NaiveJob, now: number): boolean {
    const younger = this.#jobs.length - 1 - this.#jobs.indexOf(job);
    return younger < this.#limits.maxJobs && !this.#isExpired(job, now);
  }

  #isExpired({ supersededAt }: NaiveJob, now: number): boolean {
    return now > supersededAt + this.#limits.maxJobAgeMs;
  }

  #verdict(
    job: NaiveJob,
    stale: boolean,
    submission: Submission,
    isShare: boolean,
    hash: string,
    wall: number,
  ): string {
    if (stale) return "stale-share";
    if (((submission.version ^ job.version) & ~ROLLING_MASK) !== 0) return "invalid-non-rollable-version-bit";
    const latest = Math.max(Math.floor(wall / 1000), job.minNtime) + 7_200;
    if (submission.ntime < job.lowestNtime || submission.ntime > latest) return "invalid-share";
    if (!isShare) return "difficulty-too-low";
    return job.seen.has(hash) ? "duplicate-share" : "accepted";
  }

  #extranonceOf({ extranonce }: Submission): Uint8Array | null {
    const { kind, extranonceSize } = this.fields;
    if (kind === "standard") return extranonce === null ? NO_BYTES : null;
    return extranonce !== null && extranonce.length === extranonceSize ? extranonce : null;
  }

  #activate(
    { message, prefix }: FutureJob,
    tip: { readonly prevHash: Uint8Array; readonly nbits: number; readonly minNtime: number },
    now: number,
  ): string | null {
    if (!isAtMost(this.#target, this.fields.maxTarget)) return "a target easier than the client's limit";
    if (this.#jobs.some(({ jobId }) => jobId === message.jobId)) return `job id ${message.jobId} came twice`;
    const last = this.#jobs.at(-1);
    if (last !== undefined) last.supersededAt = now;
    const { prevHash, nbits, minNtime } = tip;
    const lowestNtime = last?.prevHash === prevHash ? last.lowestNtime : minNtime;
    this.#jobs.push({
      jobId: message.jobId,
      version: message.version,
      root: this.#rootOf(message, prefix),
      prefix,
      prevHash,
      nbits,
      minNtime,
      lowestNtime,
      target: this.#target,
      networkTarget: targetToBytes(targetFromNbits(nbits)),
      seen: new Set(),
      supersededAt: Number.POSITIVE_INFINITY,
    });
    if (this.#jobs.length > this.#limits.maxJobs + UNSURE_JOBS) this.#jobs.shift();
    this.jobAt = now;
    return null;
  }

  #rootOf(message: JobMessage, prefix: Uint8Array): (extranonce: Uint8Array) => Uint8Array {
    if ("merkleRoot" in message) {
      const root = message.merkleRoot.slice();
      return () => root;
    }
    const { coinbaseTxPrefix, coinbaseTxSuffix, merklePath } = copyOf(message);
    return (extranonce) =>
      merkleRoot(sha256d(concatBytes(coinbaseTxPrefix, prefix, extranonce, coinbaseTxSuffix)), merklePath);
  }
}

const UNKNOWN = { job: null, stale: false, surely: true };

/** Fields of a decoded message are views that live only during the call. */
function copyOf<M extends JobMessage>(message: M): M {
  if ("merkleRoot" in message) return { ...message, merkleRoot: message.merkleRoot.slice() };
  return {
    ...message,
    coinbaseTxPrefix: message.coinbaseTxPrefix.slice(),
    coinbaseTxSuffix: message.coinbaseTxSuffix.slice(),
    merklePath: message.merklePath.map((hash) => hash.slice()),
  };
}
