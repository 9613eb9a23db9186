import { type Clock, CodedError, type Logger, noMetrics } from "@lode/ports";
import { encodeFrame, type FrameHeader, HEADER_SIZE, MiningFlags, mining } from "@lode/protocol";
import { type ClientChannel, MiningClient } from "@lode/roles";
import type { FrameConnection } from "@lode/transport";
import { intercept } from "./intercept.ts";
import { LoadTally } from "./load-report.ts";
import { STAMP_MASK } from "./work-watch.ts";

/** Why a connection gives no shares. */
export class LoadError extends CodedError<
  | { code: "setup-refused"; reason: string }
  | { code: "channel-refused"; reason: string }
  | { code: "connection-ended"; reason: string }
> {}

export interface ShareStreamOptions {
  /** Dialled and not started. */
  readonly connection: FrameConnection;
  readonly userIdentity: string;
  readonly kind: "standard" | "extended";
  /** Shares that may be without an answer. */
  readonly window: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The job to mine on is now one of a template with another stamp; see {@link STAMP_MASK}. */
  readonly onWork?: (stamp: number) => void;
  /** The connection ended after the stream was ready. */
  readonly onEnd?: (reason: string) => void;
}

/** What shares are made for. */
interface ShareJob {
  readonly channel: ClientChannel;
  readonly jobId: number;
  readonly version: number;
  readonly ntime: number;
}

/** Offsets in a frame of SubmitSharesStandard and of SubmitSharesExtended. */
const SEQUENCE_NUMBER = HEADER_SIZE + 4;
const NONCE = HEADER_SIZE + 12;
/** Shares that are due and wait for room in the window; more are skipped. */
const MAX_BACKLOG = 4_096;
const VENDOR = "lode-load";
/** Where shares are counted that nobody counts. */
const uncounted = new LoadTally();

/**
 * One connection with one channel that hands in distinct shares without hashing: for pools whose share target is
 * met by every hash. The share's frame is encoded once per job and only patched; jobs and answers, of which there are many, are
 * read without the codec. Everything else goes through the mining client.
 */
export class ShareStream {
  /** Settles when the first job is there. @throws LoadError */
  readonly ready: Promise<void>;
  readonly #options: ShareStreamOptions;
  readonly #connection: FrameConnection;
  readonly #client: MiningClient;
  /** When the shares that are not answered were due, by sequence number; NaN once refused. */
  readonly #dueAt: Float64Array;
  readonly #backlog: number[] = [];
  #onFirstJob!: () => void;
  #tally = uncounted;
  #channel: ClientChannel | undefined;
  /** The newest future job: what a tip activates. */
  #future: { readonly jobId: number; readonly version: number } | undefined;
  #job: ShareJob | undefined;
  #frame: Uint8Array | undefined;
  #stamp = -1;
  #next = 0;
  #oldest = 0;
  #saturating = false;
  #ended = false;

  constructor(options: ShareStreamOptions) {
    this.#options = options;
    this.#dueAt = new Float64Array(options.window);
    let reject!: (error: LoadError) => void;
    this.ready = new Promise((onReady, onFailure) => {
      this.#onFirstJob = onReady;
      reject = onFailure;
    });
    this.#connection = intercept(
      options.connection,
      (header, payload) => this.#onFrame(header, payload),
      () => {},
    );
    const extended = options.kind === "extended";
    this.#client = new MiningClient(
      this.#connection,
      { flags: extended ? 0 : MiningFlags.requiresStandardJobs, vendor: VENDOR },
      {
        onSetup: () => {
          const { userIdentity } = options;
          const request = { userIdentity, nominalHashRate: 0 };
          this.#client.open(extended ? { ...request, minExtranonceSize: 8 } : request);
        },
        onRefused: (reason, code) => reject(new LoadError({ code: "setup-refused", reason: code ?? reason })),
        onOpenRefused: (_id, reason) => reject(new LoadError({ code: "channel-refused", reason })),
        onOpened: (channel) => {
          this.#channel = channel;
        },
        onRejected: (_channel, { sequenceNumber, errorCode }) => this.#onRejected(sequenceNumber, errorCode),
        onClose: (reason) => {
          this.#ended = true;
          reject(new LoadError({ code: "connection-ended", reason }));
          options.onEnd?.(reason);
        },
      },
      { clock: options.clock, logger: options.logger, metrics: noMetrics },
    );
  }

  /** Shares without an answer. */
  get unanswered(): number {
    return this.#ended ? 0 : this.#next - this.#oldest;
  }

  /** Counts into `tally` from now on. */
  countInto(tally: LoadTally): void {
    this.#tally = tally;
  }

  /** Keeps the window full until {@link stop}. */
  saturate(): void {
    this.#saturating = true;
    this.#fill();
  }

  /** Sends a share that was due at a moment, monotonic milliseconds, or as soon as the window has room. */
  offer(dueAt: number): void {
    if (this.#hasRoom) this.#submit(dueAt);
    else if (this.#backlog.length < MAX_BACKLOG) this.#backlog.push(dueAt);
    else this.#tally.skipped++;
  }

  /** Sends no more; what waits for room is counted as skipped. */
  stop(): void {
    this.#saturating = false;
    this.#tally.skipped += this.#backlog.length;
    this.#backlog.length = 0;
  }

  /** Hangs up without a word, as at a power cut. */
  drop(): void {
    this.#connection.destroy("dropped");
  }

  /** Gives what is unanswered up, and returns how much that was. */
  forget(): number {
    const { unanswered } = this;
    this.#oldest = this.#next;
    return unanswered;
  }

  close(): void {
    this.#client.close("done");
  }

  get #hasRoom(): boolean {
    return !this.#ended && this.#next - this.#oldest < this.#options.window;
  }

  #fill(): void {
    const now = this.#options.clock.monotonic();
    while (this.#hasRoom) this.#submit(now);
  }

  #submit(dueAt: number): void {
    this.#frame ??= this.#encodeShare();
    const frame = this.#frame;
    const sequenceNumber = this.#next++;
    this.#dueAt[sequenceNumber % this.#options.window] = dueAt;
    writeU32(frame, SEQUENCE_NUMBER, sequenceNumber);
    writeU32(frame, NONCE, sequenceNumber);
    this.#connection.send(frame);
    this.#tally.sent++;
  }

  /** True for what is dealt with here. */
  #onFrame({ extensionType, msgType }: FrameHeader, payload: Uint8Array): boolean {
    if (extensionType !== 0 || this.#channel === undefined) return false;
    if (msgType === mining.SubmitSharesSuccess.msgType) this.#onAccepted(payload);
    else if (msgType === mining.NewExtendedMiningJob.msgType) this.#onJob(this.#channel, payload);
    else if (msgType === mining.NewMiningJob.msgType) this.#onJob(this.#channel, payload);
    else if (msgType === mining.SetNewPrevHash.msgType) this.#onPrevHash(this.#channel, payload);
    else return false;
    return true;
  }

  /**
   * NewExtendedMiningJob (SV2 5.3.16) and NewMiningJob (SV2 5.3.15): channel id, job id, min_ntime with a byte that says
   * whether it is there, version.
   */
  #onJob(channel: ClientChannel, payload: Uint8Array): void {
    const jobId = readU32(payload, 4);
    if (payload[8] === 0) this.#future = { jobId, version: readU32(payload, 9) };
    else this.#mineOn(channel, jobId, readU32(payload, 13), readU32(payload, 9));
  }

  /** SetNewPrevHash (SV2 5.3.17): channel id, job id, prev_hash, min_ntime. */
  #onPrevHash(channel: ClientChannel, payload: Uint8Array): void {
    const jobId = readU32(payload, 4);
    if (this.#future?.jobId !== jobId) return;
    this.#mineOn(channel, jobId, this.#future.version, readU32(payload, 40));
    this.#onFirstJob();
  }

  #mineOn(channel: ClientChannel, jobId: number, version: number, ntime: number): void {
    this.#job = { channel, jobId, version, ntime };
    this.#frame = undefined;
    const stamp = version & STAMP_MASK;
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    this.#options.onWork?.(stamp);
  }

  /** The share to patch; made once a share of the job is due, as most jobs of a crowd never see one. */
  #encodeShare(): Uint8Array {
    const { channel, ...job } = this.#job!;
    const fields = { channelId: channel.id, sequenceNumber: 0, nonce: 0, ...job };
    return channel.kind === "standard"
      ? encodeFrame(mining.SubmitSharesStandard, fields)
      : encodeFrame(mining.SubmitSharesExtended, {
          ...fields,
          extranonce: new Uint8Array(channel.extranonceSize),
        });
  }

  /** SubmitShares.Success (SV2 5.3.13): channel id, last sequence number, count, sum. */
  #onAccepted(payload: Uint8Array): void {
    const last = readU32(payload, 4);
    const count = readU32(payload, 8);
    const now = this.#options.clock.monotonic();
    const tally = this.#tally;
    let answered = 0;
    while (this.#oldest <= last && this.#oldest < this.#next) {
      const dueAt = this.#dueAt[this.#oldest++ % this.#options.window]!;
      if (Number.isNaN(dueAt)) continue;
      tally.latency.record(now - dueAt);
      answered++;
    }
    tally.accepted += answered;
    if (answered !== count) tally.miscounted++;
    this.#onRoom();
  }

  #onRejected(sequenceNumber: number, errorCode: string): void {
    if (sequenceNumber < this.#oldest || sequenceNumber >= this.#next) return;
    this.#tally.rejected++;
    this.#tally.lastErrorCode = errorCode;
    this.#dueAt[sequenceNumber % this.#options.window] = Number.NaN;
    while (this.#oldest < this.#next && Number.isNaN(this.#dueAt[this.#oldest % this.#options.window])) {
      this.#oldest++;
    }
    this.#onRoom();
  }

  #onRoom(): void {
    if (this.#saturating) this.#fill();
    while (this.#backlog.length > 0 && this.#hasRoom) this.#submit(this.#backlog.shift()!);
  }
}

function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}

function readU32(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>>
    0
  );
}
