import { common, mining, PROTOCOL_VERSION, Protocol } from "@lode/protocol";
import type { ServerFields, ServerMessage } from "../pool/scripted-miner.ts";
import { Chip, counterBytes, DEVICE_VERSION_MASK, extendedRoot } from "./hashing.ts";
import { type PeerOptions, ScriptedPeer } from "./peer.ts";
import { PendingRing } from "./pending-ring.ts";
import { ShareBook } from "./share-book.ts";

/** What the axe family of devices has in common in its options. */
export interface AxeOptions extends PeerOptions {
  /** Real device's hashes per second. */
  readonly hashrate: number;
  /** Time between two pieces of work for the chip. */
  readonly asicJobMs?: number;
}

/** A job as it came, without what SetNewPrevHash adds. */
export type AxeJob =
  | ({ readonly kind: "standard" } & ServerFields<"NewMiningJob">)
  | ({ readonly kind: "extended" } & ServerFields<"NewExtendedMiningJob">);

/** A job the device works on. */
export interface AxeWork {
  readonly job: AxeJob;
  readonly prevHash: Uint8Array;
  readonly nbits: number;
  readonly ntime: number;
  /** SetNewPrevHash messages so far. */
  readonly tips: number;
  /** Of the extranonce when the job was taken up. */
  readonly prefix: Uint8Array;
}

/** What is on the chip: a header to turn, and what a find on it is worth. */
interface Piece {
  readonly chip: Chip;
  readonly work: AxeWork;
  readonly extranonce: Uint8Array;
  /** Target the device filters by; what it understood of the pool's. */
  readonly threshold: Uint8Array;
}

/** Merkle branches that fit: `SV2_MAX_MERKLE_BRANCHES`, sv2_protocol.h 31; a job with more is dropped. */
const MAX_MERKLE_BRANCHES = 20;
/** Bytes of an extranonce that fit (`extranonce_2[32]`, create_jobs_task.c 332). */
const MAX_EXTRANONCE = 32;
/** Bytes of an error code that fit (`char error_code[64]`, stratum_v2_task.c 1054). */
const MAX_ERROR_CODE = 63;
/** Headers in a standard job: 2^32 nonces times 2^16 versions, never more (create_jobs_task.c 159-167). */
const STANDARD_JOB_HEADERS = 2 ** 48;

/**
 * What ESP-Miner's Stratum V2 client and those taken from it share: one channel per connection, setup, then open, then a loop
 * that knows six messages and ignores all others. Line numbers are those of ESP-Miner v2.15, main/tasks/stratum_v2_task.c,
 * unless another file is named.
 */
export abstract class AxeMiner extends ScriptedPeer {
  readonly books: readonly [ShareBook];
  protected readonly book: ShareBook;
  /** Jobs taken up by the chip. */
  jobsMined = 0;
  protected prefix: Uint8Array = new Uint8Array(0);
  protected targetBytes: Uint8Array = new Uint8Array(32);
  #hashrate: number;
  readonly #asicJobMs: number;
  readonly #pending = new PendingRing<AxeJob>((lost, by) =>
    this.violate(`pending job ${lost.jobId} was overwritten by ${by.jobId}: the ring has 8 slots`),
  );
  #stage: "setup" | "opening" | "mining" = "setup";
  #channelId = 0;
  #groupChannelId = 0;
  #extranonceSize = 0;
  #prevHash: ServerFields<"SetNewPrevHash"> | undefined;
  #tips = 0;
  #sequenceNumber = 0;
  #piece: Piece | undefined;
  /** Hashes the chip may still do in this turn; below one. */
  #budget = 0;
  #extranonceCounter = 0;

  constructor(options: AxeOptions) {
    super(options);
    this.#hashrate = this.scale.hashrate(options.hashrate);
    this.#asicJobMs = options.asicJobMs ?? 500;
    this.book = new ShareBook((text) => this.violate(text));
    this.books = [this.book];
  }

  protected abstract readonly kind: "standard" | "extended";
  protected abstract readonly vendor: string;
  protected abstract readonly hardwareVersion: string;
  protected abstract readonly minExtranonceSize: number;
  /** A job is to be mined from now on. */
  protected abstract take(work: AxeWork): void;
  protected abstract onTarget(): void;

  get jobId(): number | undefined {
    return this.#piece?.work.job.jobId;
  }

  /** The owner changes clock and voltage; real hashes per second. */
  tune(hashrate: number): void {
    this.#hashrate = this.scale.hashrate(hashrate);
  }

  /** Sends SetupConnection; flags are REQUIRES_STANDARD_JOBS or none, whatever the device then rolls (805-817). */
  protected begin(): void {
    this.send(common.SetupConnection, {
      protocol: Protocol.mining,
      minVersion: PROTOCOL_VERSION,
      maxVersion: PROTOCOL_VERSION,
      flags: this.kind === "standard" ? 1 : 0,
      endpointHost: "pool.example",
      endpointPort: 3333,
      vendor: this.vendor,
      hardwareVersion: this.hardwareVersion,
      firmware: "",
      deviceId: "",
    });
    this.every(this.#asicJobMs, () => this.#onAsicJob());
  }

  protected onMessage(message: ServerMessage): void {
    if (this.#stage === "setup") this.#onSetup(message);
    else if (this.#stage === "opening") this.#onOpening(message);
    else this.onMining(message);
  }

  /** Anything but Success is a rejection (852-859); then the channel is asked for, always with 1 TH/s (872-898). */
  #onSetup(message: ServerMessage): void {
    if (message.name !== "SetupConnectionSuccess") {
      this.leave(`SetupConnection rejected: ${message.name}`);
      return;
    }
    const opening = {
      requestId: 1,
      userIdentity: this.user,
      nominalHashRate: this.scale.hashrate(1e12),
      maxTarget: new Uint8Array(32).fill(0xff),
    };
    this.#stage = "opening";
    if (this.kind === "standard") this.send(mining.OpenStandardMiningChannel, opening);
    else {
      const { minExtranonceSize } = this;
      this.send(mining.OpenExtendedMiningChannel, { ...opening, minExtranonceSize });
    }
  }

  /** The very next message must be the matching Success (917-925). */
  #onOpening(message: ServerMessage): void {
    const wanted =
      this.kind === "standard" ? "OpenStandardMiningChannelSuccess" : "OpenExtendedMiningChannelSuccess";
    if (message.name !== wanted || !("extranoncePrefix" in message.fields) || !("target" in message.fields)) {
      this.leave(`OpenChannel rejected: ${message.name}, expected ${wanted}`);
      return;
    }
    const { channelId, groupChannelId, target, extranoncePrefix } = message.fields;
    const extranonceSize = "extranonceSize" in message.fields ? Number(message.fields.extranonceSize) : 0;
    if (this.kind === "extended") {
      if (extranonceSize < this.minExtranonceSize)
        this.violate(`granted ${extranonceSize} bytes of extranonce`);
      if (extranonceSize > MAX_EXTRANONCE) this.violate(`${extranonceSize} bytes of extranonce do not fit`);
    }
    this.#stage = "mining";
    this.#channelId = channelId;
    this.#groupChannelId = groupChannelId;
    this.#extranonceSize = extranonceSize;
    this.prefix = extranoncePrefix;
    this.targetBytes = target;
    this.#extranonceCounter = 0;
    this.onTarget();
  }

  /** The main loop; what has no case is only logged (1005-1071): CloseChannel, Reconnect, SetGroupChannel and all others. */
  protected onMining(message: ServerMessage): void {
    switch (message.name) {
      case "NewMiningJob":
        this.#expect(message.fields.channelId, "NewMiningJob");
        this.#onJob({ kind: "standard", ...message.fields });
        break;
      case "NewExtendedMiningJob":
        this.#expect(message.fields.channelId, "NewExtendedMiningJob");
        this.#onJob({ kind: "extended", ...message.fields });
        break;
      case "SetNewPrevHash":
        this.#expect(message.fields.channelId, "SetNewPrevHash");
        this.#onPrevHash(message.fields);
        break;
      case "SetTarget":
        this.#expect(message.fields.channelId, "SetTarget");
        this.targetBytes = message.fields.maximumTarget;
        this.onTarget();
        break;
      case "SubmitSharesSuccess":
        this.book.onSuccess(message.fields, this.clock.monotonic());
        break;
      case "SubmitSharesError":
        if (message.fields.errorCode.length > MAX_ERROR_CODE) this.violate("an error code that does not fit");
        this.book.onError(message.fields, this.#tips, this.clock.monotonic());
        break;
      default:
        break;
    }
  }

  /** The channel id is never looked at: a message for another channel would be taken for its own. */
  #expect(channelId: number, name: string): void {
    if (channelId !== this.#channelId && channelId !== this.#groupChannelId) {
      this.violate(`${name} for channel ${channelId}, which is none of its`);
    }
  }

  #onJob(job: AxeJob): void {
    if (job.kind !== this.kind) {
      // The queue's reader casts by channel kind (create_jobs_task.c 113-121): memory of another layout.
      this.violate(`a job of the other kind (${job.kind}) is read as the wrong type`);
      return;
    }
    if (job.kind === "extended" && job.merklePath.length > MAX_MERKLE_BRANCHES) {
      this.violate(`job ${job.jobId} has ${job.merklePath.length} merkle branches and is dropped`);
      return;
    }
    // sv2_protocol.c 505: for an extended job an ntime of 0 is no ntime.
    const isFuture = job.minNtime === null || (job.kind === "extended" && job.minNtime === 0);
    if (isFuture || this.#prevHash === undefined) {
      this.#pending.put(job);
      return;
    }
    const { prevHash, nbits } = this.#prevHash;
    this.take({ job, prevHash, nbits, ntime: job.minNtime!, tips: this.#tips, prefix: this.prefix });
  }

  /** An unknown job id starts nothing; the first message also starts everything else that waits (511-586). */
  #onPrevHash(fields: ServerFields<"SetNewPrevHash">): void {
    const first = this.#prevHash === undefined;
    this.#prevHash = fields;
    this.#tips++;
    const { prevHash, nbits, minNtime: ntime } = fields;
    const tip = { prevHash, nbits, ntime, tips: this.#tips, prefix: this.prefix };
    const named = this.#pending.take(fields.jobId);
    if (named !== undefined) this.take({ job: named, ...tip });
    else this.violate(`SetNewPrevHash names job ${fields.jobId}, which does not wait: nothing is started`);
    if (!first) return;
    for (const job of this.#pending.takeAll()) {
      this.violate(`job ${job.jobId} waits beside ${fields.jobId} at the first SetNewPrevHash`);
      this.take({ job, ...tip });
    }
  }

  /** Puts a job on the chip; the extranonce counter starts over (create_jobs_task.c 138). */
  protected mine(work: AxeWork, threshold: Uint8Array, restartCounter = true): void {
    this.jobsMined++;
    if (restartCounter) this.#extranonceCounter = 0;
    this.#load(work, threshold);
  }

  /** Another filter for the work on the chip, without new work. */
  protected refilter(threshold: Uint8Array): void {
    if (this.#piece !== undefined) this.#load(this.#piece.work, threshold);
  }

  /** Nothing on the chip counts any more (SYSTEM_clean_jobs_queue, main/system.c 413). */
  protected forgetWork(): void {
    this.#piece = undefined;
  }

  #load(work: AxeWork, threshold: Uint8Array): void {
    const { job, prevHash, nbits, ntime, prefix } = work;
    const extranonce = counterBytes(this.#extranonceCounter, this.#extranonceSize);
    const merkleRoot = job.kind === "standard" ? job.merkleRoot : extendedRoot(job, prefix, extranonce);
    const chip = new Chip({ version: job.version, prevHash, merkleRoot, ntime, nbits });
    this.#piece = { chip, work, extranonce, threshold };
  }

  /** One turn of the job loop: hash, hand in, and on an extended channel feed the next extranonce. */
  #onAsicJob(): void {
    this.minds();
    const piece = this.#piece;
    if (piece === undefined || this.left !== null) return;
    this.#budget += (this.#hashrate * this.#asicJobMs) / 1000;
    const count = Math.floor(this.#budget);
    this.#budget -= count;
    for (const find of piece.chip.search(count, piece.threshold)) {
      this.#handIn(piece, find.nonce, find.version);
    }
    if (piece.work.job.kind === "standard") {
      // A standard job is never fed again: the same search would start over and find the same shares.
      if (piece.chip.tried > this.scale.hashrate(STANDARD_JOB_HEADERS)) {
        this.violate(`the search space of job ${piece.work.job.jobId} is used up`);
        this.#piece = undefined;
      }
      return;
    }
    this.#extranonceCounter++;
    this.#load(piece.work, piece.threshold);
  }

  #handIn({ work, extranonce }: Piece, nonce: number, version: number): void {
    const { job, ntime, tips } = work;
    const { jobId } = job;
    if (((version ^ job.version) & ~DEVICE_VERSION_MASK) !== 0) throw new TypeError("rolled too far");
    const sequenceNumber = this.#sequenceNumber++;
    const share = { channelId: this.#channelId, sequenceNumber, jobId, nonce, ntime, version };
    this.book.onSent(sequenceNumber, { jobId, tips, sentAt: this.clock.monotonic() });
    if (job.kind === "standard") this.send(mining.SubmitSharesStandard, share);
    else this.send(mining.SubmitSharesExtended, { ...share, extranonce });
  }
}
