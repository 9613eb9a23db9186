import { concatBytes, targetFromNbits, targetToBytes } from "@lode/bitcoin";
import { type NativeJob, native } from "@lode/native";
import {
  type ActiveJob,
  type ClientChannel,
  EXTRANONCE1_SIZE,
  type Sv1Work,
  toldDifficulty,
} from "@lode/roles";

/** What all channels that got a job by one message have in common. */
interface SharedJob {
  readonly networkTarget: Uint8Array;
  /** Made for the first share. */
  handle: NativeJob | undefined;
}

type ExtendedWork = Extract<ActiveJob["work"], { kind: "extended" }>;

/** An extended channel's job as Stratum V1 work: prefix and padding go into coinbase1, before the miner's own extranonce1. */
export class ChannelWork implements Sv1Work {
  readonly channel: ClientChannel;
  readonly jobId: number;
  readonly prevHash: Uint8Array;
  readonly coinbase1: Uint8Array;
  readonly coinbase2: Uint8Array;
  readonly merklePath: readonly Uint8Array[];
  readonly version: number;
  readonly nbits: number;
  readonly minNtime: number;
  readonly difficulty: number;
  readonly versionRollingAllowed: boolean;
  /** Shares are judged by it: 32 bytes, little-endian. */
  readonly target: Uint8Array;
  readonly #work: ExtendedWork;
  readonly #shared: SharedJob;
  readonly #padding: number;

  /** @param extranonce2Size what miners roll; the channel grants at least that and extranonce1 */
  constructor(channel: ClientChannel, job: ActiveJob, extranonce2Size: number) {
    if (job.work.kind !== "extended") throw new Error("an extended channel has extended jobs");
    const { work } = job;
    this.channel = channel;
    this.jobId = job.jobId;
    this.prevHash = job.prevHash;
    this.coinbase2 = work.coinbaseTxSuffix;
    this.merklePath = work.merklePath;
    this.version = job.version;
    this.nbits = job.nbits;
    this.minNtime = job.minNtime;
    this.versionRollingAllowed = job.versionRollingAllowed;
    this.target = job.target;
    this.difficulty = difficultyOf(job.target);
    this.#work = work;
    this.#padding = channel.extranonceSize - EXTRANONCE1_SIZE - extranonce2Size;
    this.coinbase1 = concatBytes(work.coinbaseTxPrefix, work.extranoncePrefix, new Uint8Array(this.#padding));
    this.#shared = sharedOf(work, job.nbits);
  }

  /** The extranonce as the channel's submit carries it. */
  extranonceOf(extranonce1: Uint8Array, extranonce2: Uint8Array): Uint8Array {
    return concatBytes(new Uint8Array(this.#padding), extranonce1, extranonce2);
  }

  /**
   * Checks a share's hash. @returns as `NativeJob.checkShare`: the share's target first, the network's second
   *
   * @param extranonce of {@link extranonceOf}
   * @param hash receives the header's hash
   */
  check(extranonce: Uint8Array, version: number, ntime: number, nonce: number, hash: Uint8Array): number {
    const shared = this.#shared;
    shared.handle ??= native.createJob({
      coinbaseTxPrefix: this.#work.coinbaseTxPrefix,
      coinbaseTxSuffix: this.#work.coinbaseTxSuffix,
      merklePath: concatBytes(...this.merklePath),
      prevHash: this.prevHash,
      nbits: this.nbits,
    });
    const whole = concatBytes(this.#work.extranoncePrefix, extranonce);
    return shared.handle.checkShare(whole, version, ntime, nonce, this.target, shared.networkTarget, hash);
  }
}

const shares = new WeakMap<object, SharedJob>();

function sharedOf({ merklePath }: ExtendedWork, nbits: number): SharedJob {
  let shared = shares.get(merklePath);
  if (shared === undefined) {
    shared = { networkTarget: networkTargetOf(nbits), handle: undefined };
    shares.set(merklePath, shared);
  }
  return shared;
}

/** An upstream's nbits that no block could have make no block here. */
function networkTargetOf(nbits: number): Uint8Array {
  try {
    return targetToBytes(targetFromNbits(nbits));
  } catch {
    return new Uint8Array(32);
  }
}

const difficulties = new WeakMap<Uint8Array, number>();

/** Targets stay the same object until they change. */
function difficultyOf(target: Uint8Array): number {
  let difficulty = difficulties.get(target);
  if (difficulty === undefined) {
    difficulty = toldDifficulty(target);
    difficulties.set(target, difficulty);
  }
  return difficulty;
}
