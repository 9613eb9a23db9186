import { type MiningJob, type Payee, poolPayee } from "@lode/mining";
import { encodeFrame, HEADER_SIZE, mining } from "@lode/protocol";

/** Both job messages begin with `channel_id` and `job_id`, as SetNewPrevHash does. */
const CHANNEL_ID = HEADER_SIZE;
const JOB_ID = HEADER_SIZE + 4;
const NO_ROOT = new Uint8Array(32);

/**
 * The messages that carry one {@link MiningJob}. Each is encoded once, when it is first needed, and only patched for the
 * channel it goes to: a tip reaches ten thousand channels without encoding a job more than twice. For payees beside the pool
 * that is once for each length of their outputs.
 *
 * Every method returns the same bytes again, patched: hand them to `send` before the next call.
 */
export class JobFrames {
  readonly job: MiningJob;
  #extendedFuture: Uint8Array | undefined;
  #extended: Uint8Array | undefined;
  #standardFuture: Uint8Array | undefined;
  #standard: Uint8Array | undefined;
  #prevHash: Uint8Array | undefined;
  /** For other payees, by the size of the coinbase's suffix: as a future job, and as one to mine on. */
  #ofPayees: Map<number, [Uint8Array?, Uint8Array?]> | undefined;

  constructor(job: MiningJob) {
    this.job = job;
  }

  /** NewExtendedMiningJob (SV2 5.3.16); version rolling is always allowed. */
  newExtendedMiningJob(channelId: number, jobId: number, future: boolean, payee: Payee): Uint8Array {
    if (payee !== poolPayee) return address(this.#extendedFor(payee, future), channelId, jobId);
    if (future) {
      this.#extendedFuture ??= this.#encodeExtended(null);
      return address(this.#extendedFuture, channelId, jobId);
    }
    this.#extended ??= this.#encodeExtended(this.job.minNtime);
    return address(this.#extended, channelId, jobId);
  }

  /**
   * NewMiningJob (SV2 5.3.15).
   *
   * @param merkleRoot the channel's
   */
  newMiningJob(channelId: number, jobId: number, future: boolean, merkleRoot: Uint8Array): Uint8Array {
    let frame: Uint8Array;
    if (future) {
      this.#standardFuture ??= this.#encodeStandard(null);
      frame = this.#standardFuture;
    } else {
      this.#standard ??= this.#encodeStandard(this.job.minNtime);
      frame = this.#standard;
    }
    frame.set(merkleRoot, frame.length - NO_ROOT.length);
    return address(frame, channelId, jobId);
  }

  /** SetNewPrevHash (SV2 5.3.17) that activates the future job `jobId`. */
  setNewPrevHash(channelId: number, jobId: number): Uint8Array {
    const { tip, minNtime } = this.job;
    this.#prevHash ??= encodeFrame(mining.SetNewPrevHash, {
      channelId: 0,
      jobId: 0,
      prevHash: tip.prevHash,
      minNtime,
      nbits: tip.nbits,
    });
    return address(this.#prevHash, channelId, jobId);
  }

  /** The suffix ends the message. */
  #extendedFor(payee: Payee, future: boolean): Uint8Array {
    const size = payee.suffixSize(this.job);
    this.#ofPayees ??= new Map();
    let frames = this.#ofPayees.get(size);
    if (frames === undefined) {
      frames = [];
      this.#ofPayees.set(size, frames);
    }
    const frame =
      frames[Number(future)] ?? this.#encodeExtended(future ? null : this.job.minNtime, new Uint8Array(size));
    frames[Number(future)] = frame;
    payee.writeSuffix(this.job, frame, frame.length - size);
    return frame;
  }

  #encodeExtended(minNtime: number | null, coinbaseTxSuffix = this.job.coinbaseTxSuffix): Uint8Array {
    const { version, merklePath, coinbaseTxPrefix } = this.job;
    return encodeFrame(mining.NewExtendedMiningJob, {
      channelId: 0,
      jobId: 0,
      minNtime,
      version,
      versionRollingAllowed: true,
      merklePath,
      coinbaseTxPrefix,
      coinbaseTxSuffix,
    });
  }

  #encodeStandard(minNtime: number | null): Uint8Array {
    const { version } = this.job;
    return encodeFrame(mining.NewMiningJob, {
      channelId: 0,
      jobId: 0,
      minNtime,
      version,
      merkleRoot: NO_ROOT,
    });
  }
}

function address(frame: Uint8Array, channelId: number, jobId: number): Uint8Array {
  writeU32(frame, CHANNEL_ID, channelId);
  writeU32(frame, JOB_ID, jobId);
  return frame;
}

function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}
