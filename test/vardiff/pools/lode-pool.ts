import { maxTarget, workOfTarget } from "@lode/bitcoin";
import { Channel, defaultChannelSettings, type Instant, type JobFacts, type MiningJob } from "@lode/mining";
import { type NativeJob, SHARE_MEETS_FIRST } from "@lode/native";
import { miningServerDefaults } from "@lode/roles";
import type { IssuedJob, OpenRequest, PoolSide } from "./pool-side.ts";

const { roundMs, extendedRefreshMs, retargetIntervalMs } = miningServerDefaults;
/** A tick of the mining server: targets that had to wait are looked at again. */
const TICK_MS = 500;

/** The nonce of a share that meets its target, and of one that does not. */
const GOOD_NONCE = 1;
const BAD_NONCE = 0;

/**
 * Lode: the real `Channel` with its vardiff and target policy, called as the mining server calls it. A visit every round, a
 * fresh job every minute, a retarget with a fresh job at once or a second after the channel's last job. Only the hashing is
 * left out.
 */
export class LodePool implements PoolSide {
  readonly #channel: Channel;
  #job: IssuedJob = { id: 0, work: 0 };
  #visitAt: number;
  #tickAt = Number.POSITIVE_INFINITY;

  constructor({ claim, sharesPerMinute, phase }: OpenRequest) {
    this.#channel = new Channel({
      settings: { ...defaultChannelSettings, sharesPerMinute },
      connectionId: 1,
      id: 2,
      kind: "extended",
      identity: { payoutScript: Uint8Array.of(0x51), address: "", worker: "" },
      extranoncePrefix: new Uint8Array(4),
      nominalHashrate: claim,
      maxTarget,
      now: instant(0),
    });
    this.#visitAt = (1 - phase) * roundMs;
    this.#activate(0);
  }

  get job(): IssuedJob {
    return this.#job;
  }

  /** The estimate that dashboards show, hashes per second. */
  get hashrate(): number {
    return this.#channel.hashrate;
  }

  get wakeAt(): number {
    return Math.min(this.#visitAt, this.#tickAt);
  }

  wake(now: number): void {
    if (now >= this.#tickAt) {
      this.#tickAt = Number.POSITIVE_INFINITY;
      this.#retarget(now);
    }
    if (now < this.#visitAt) return;
    this.#visitAt += roundMs;
    const due = now - this.#channel.activatedAt + roundMs > extendedRefreshMs;
    const retarget = this.#channel.onTimer(instant(now));
    if (due) this.#activate(now);
    else if (retarget) this.#retarget(now);
  }

  submit(job: IssuedJob, meetsTarget: boolean, now: number): number {
    const verdict = this.#channel.checkShare(
      {
        sequenceNumber: 0,
        jobId: job.id,
        version: 0,
        ntime: Math.floor(now / 1000),
        nonce: meetsTarget ? GOOD_NONCE : BAD_NONCE,
        extranonce,
      },
      instant(now),
    );
    if (!verdict.accepted) return 0;
    if (verdict.retarget) this.#retarget(now);
    return Number(verdict.share.work);
  }

  #retarget(now: number): void {
    if (now - this.#channel.activatedAt >= retargetIntervalMs) this.#activate(now);
    else this.#tickAt = Math.min(this.#tickAt, now + TICK_MS);
  }

  #activate(now: number): void {
    const id = this.#job.id + 1;
    const changed = this.#channel.activate(id, jobOfSerial(id), instant(now));
    const same = !changed && id > 1;
    this.#job = { id, work: same ? this.#job.work : Number(workOfTarget(this.#channel.target)) };
  }
}

const extranonce = new Uint8Array(16);
const nothing = new Uint8Array(0);

function instant(ms: number): Instant {
  return { wall: ms, monotonic: ms };
}

/** Every share it is asked about has a new hash, and meets the target if its nonce says so. */
class CountingHandle implements NativeJob {
  #asked = 0;
  readonly #serial: number;

  constructor(serial: number) {
    this.#serial = serial;
  }

  checkShare(
    _extranonce: Uint8Array,
    _version: number,
    _ntime: number,
    nonce: number,
    _first: Uint8Array,
    _second: Uint8Array | null,
    hash: Uint8Array,
  ): number {
    let count = ++this.#asked;
    // The set of seen shares takes its slots from the low bits: spread them as a hash would.
    count = Math.imul(count, 0x9e37_79b1) >>> 0;
    hash.fill(0);
    for (let index = 0; index < 4; index++) {
      hash[index] = count >>> (8 * index);
      hash[4 + index] = this.#serial >>> (8 * index);
    }
    return nonce === GOOD_NONCE ? SHARE_MEETS_FIRST : 0;
  }

  checkStandardShare(...share: Parameters<NativeJob["checkStandardShare"]>): number {
    return this.checkShare(...share);
  }

  merkleRoot(): Uint8Array {
    return nothing;
  }

  header(): Uint8Array {
    return nothing;
  }

  free(): void {}
}

/** A network as hard as mainnet in 2026; no simulated share meets it. */
const networkTarget = maxTarget >> 79n;
const tip = { prevHash: new Uint8Array(32), headerTimestamp: 0, nbits: 0, target: networkTarget };
const networkTargetBytes = new Uint8Array(32);
const facts: JobFacts = {
  kind: "pool",
  prevHash: tip.prevHash,
  height: 0,
  nbits: 0,
  value: 0n,
  referenceValue: 0n,
  templateFees: 0n,
};

function jobOfSerial(serial: number): MiningJob {
  return {
    serial,
    template: {
      sourceId: "",
      templateId: 0n,
      height: 0,
      version: 0,
      coinbaseTxVersion: 2,
      coinbasePrefix: nothing,
      coinbaseTxInputSequence: 0,
      coinbaseTxValueRemaining: 0n,
      coinbaseTxOutputs: nothing,
      coinbaseTxOutputsCount: 0,
      coinbaseTxLocktime: 0,
      merklePath: [],
    },
    tip,
    minNtime: 0,
    version: 0,
    coinbaseTxPrefix: nothing,
    coinbaseTxSuffix: nothing,
    merklePath: [],
    handle: new CountingHandle(serial),
    facts,
    networkTarget: networkTargetBytes,
    createdAt: 0,
  };
}
