import { targetToBytes } from "@lode/bitcoin";
import { Chip, counterBytes, extendedRoot, type Find } from "./hashing.ts";
import type { Scale } from "./scale.ts";
import type { HeldJob } from "./translator-channel.ts";
import { advertisedTarget, ClassicVardiff } from "./translator-target.ts";

/** mining.notify, as far as it matters here. */
export interface Notify {
  readonly job: HeldJob;
  readonly prevHash: Uint8Array;
  readonly nbits: number;
  readonly ntime: number;
  readonly cleanJobs: boolean;
  /** extranonce1 for it. */
  readonly prefix: Uint8Array;
}

/** What an SV1 miner finds. */
export interface Sv1Share extends Find {
  readonly jobId: number;
  readonly ntime: number;
  readonly extranonce2: Uint8Array;
}

/** Work that is not clean is taken up only so much later: SV1 firmware finishes what is on its chips. */
const SWITCH_MS = 2_000;
/** `MAX_FUTURE_BLOCK_TIME`, seconds. */
const MAX_FUTURE_NTIME = 7200;

/**
 * An SV1 miner behind the translator, and what the translator knows of it (translator_sv2 0.6.0, src/lib/sv1/downstream.rs):
 * difficulty and extranonce go out with the next job (543-600, 661-711).
 */
export class Sv1Miner {
  readonly worker: string;
  /** Hashes per second in this world. */
  #rate: number;
  /** Local channel, undefined while it is being opened and once it was closed. */
  channelKey: number | undefined;
  /** Connected; the translator drops it when its channel is closed from above. */
  connected = true;
  /** The translator's estimate. */
  hashrate: number;
  upstreamTarget: bigint | undefined;
  /** Target of the job at hand, as the miner was told. */
  target: bigint;
  /** Waits for the next job. */
  #cachedTarget: bigint | undefined;
  #cachedRate: number | undefined;
  #vardiff: ClassicVardiff | undefined;
  #lastNotify: Notify | undefined;
  #lastJobAt = 0;
  readonly #scale: Scale;
  readonly #extranonce2Size: number;
  #chip: { chip: Chip; notify: Notify; threshold: Uint8Array; extranonce2: Uint8Array } | undefined;
  #next: { notify: Notify; at: number } | undefined;
  #budget = 0;
  #counter = 0;

  constructor(options: {
    worker: string;
    rate: number;
    assumedRate: number;
    target: bigint;
    extranonce2Size: number;
    scale: Scale;
  }) {
    this.worker = options.worker;
    this.#rate = options.rate;
    this.hashrate = options.assumedRate;
    this.target = options.target;
    this.#cachedTarget = options.target;
    this.#extranonce2Size = options.extranonce2Size;
    this.#scale = options.scale;
  }

  /** Boards fail or come back; real hashes per second. */
  tune(hashrate: number): void {
    this.#rate = this.#scale.hashrate(hashrate);
  }

  /** Rate that counts upstream: the pending one, if there is one. */
  get pendingRate(): number {
    return this.#cachedRate ?? this.hashrate;
  }

  startVardiff(now: number): void {
    this.#vardiff = new ClassicVardiff(now, this.#scale.hashrate(1));
  }

  /** The translator accepted a share of it. */
  onShare(): void {
    if (this.#vardiff !== undefined) this.#vardiff.shares++;
  }

  /** Another estimate of its hash rate, undefined while the old one will do. */
  reconsider(now: number): number | undefined {
    return this.#vardiff?.reconsider(this.hashrate, this.target, now);
  }

  /** The same work again with a later ntime, for a miner that fears silence (sv1_server/mod.rs 1957-1999). */
  keepAlive(now: number, intervalMs: number): void {
    const last = this.#lastNotify;
    if (last === undefined || now - this.#lastJobAt < intervalMs) return;
    const ntime = Math.min(last.ntime + intervalMs / 1000, last.job.minNtime + MAX_FUTURE_NTIME);
    if (ntime > last.ntime) this.notify({ ...last, ntime, cleanJobs: false }, now);
  }

  /** mining.set_difficulty, in force with the next job. */
  setDifficulty(target: bigint, rate?: number): void {
    this.#cachedTarget = target;
    if (rate !== undefined) this.#cachedRate = rate;
  }

  /** The rate that is announced upstream before its difficulty goes out. */
  expect(rate: number): void {
    this.#cachedRate = rate;
  }

  notify(notify: Notify, now: number): void {
    this.#lastNotify = notify;
    this.#lastJobAt = now;
    if (this.#cachedTarget !== undefined) {
      this.target = this.#cachedTarget;
      this.hashrate = this.#cachedRate ?? this.hashrate;
      this.#cachedTarget = undefined;
      this.#cachedRate = undefined;
    }
    if (notify.cleanJobs || this.#chip === undefined) this.#load(notify);
    else this.#next = { notify, at: now + SWITCH_MS };
  }

  /** Hashes for a while. */
  work(ms: number, now: number): Sv1Share[] {
    if (this.#next !== undefined && now >= this.#next.at) this.#load(this.#next.notify);
    const piece = this.#chip;
    if (piece === undefined || !this.connected) return [];
    this.#budget += (this.#rate * ms) / 1000;
    const count = Math.floor(this.#budget);
    this.#budget -= count;
    const { notify, extranonce2 } = piece;
    const finds = piece.chip.search(count, piece.threshold);
    this.#turn(piece.notify, piece.threshold);
    const jobId = notify.job.message.jobId;
    return finds.map((find) => ({ ...find, jobId, ntime: notify.ntime, extranonce2 }));
  }

  #load(notify: Notify): void {
    this.#next = undefined;
    this.#turn(notify, targetToBytes(advertisedTarget(this.target, this.#scale)));
  }

  /** The next extranonce2. */
  #turn(notify: Notify, threshold: Uint8Array): void {
    const extranonce2 = counterBytes(this.#counter++, this.#extranonce2Size);
    const { prevHash, nbits, ntime, prefix, job } = notify;
    const { version } = job.message;
    const merkleRoot = extendedRoot(job.message, prefix, extranonce2);
    const chip = new Chip({ version, prevHash, merkleRoot, ntime, nbits });
    this.#chip = { chip, notify, threshold, extranonce2 };
  }
}
