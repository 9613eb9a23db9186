import { maxTarget, targetToBytes } from "@lode/bitcoin";
import { type NativeJob, native, SHARE_MEETS_FIRST, SHARE_MEETS_SECOND } from "@lode/native";
import {
  Channel,
  type ChannelOptions,
  defaultChannelSettings,
  type Instant,
  type MiningJob,
  type Tip,
} from "../src/index.ts";

/** A nonce whose hash has exactly `zeros` leading zero bits under a {@link scriptedJob}. */
export function nonceWithZeros(zeros: number, tag = 0): number {
  return ((zeros << 24) | tag) >>> 0;
}

/** Target that hashes with `zeros` leading zero bits, and no others with fewer, meet. */
export function targetOfZeros(zeros: number): bigint {
  return maxTarget >> BigInt(zeros);
}

/** A tip; `name` makes its prev_hash. */
export function tipNamed(name: number, target: bigint, headerTimestamp = 1_000): Tip {
  return { prevHash: new Uint8Array(32).fill(name), headerTimestamp, nbits: 0, target };
}

/**
 * A job that hashes whatever a share brings once more, and then gives the hash as many leading zero bits as the nonce's
 * top byte says: difficulty without grinding.
 */
export function scriptedJob(serial: number, tip: Tip, version = 0x2000_0000): MiningJob {
  return {
    serial,
    template: {
      sourceId: "scripted",
      templateId: BigInt(serial),
      height: 1,
      version,
      coinbaseTxVersion: 2,
      coinbasePrefix: Uint8Array.of(0x51),
      coinbaseTxInputSequence: 0,
      coinbaseTxValueRemaining: 0n,
      coinbaseTxOutputs: new Uint8Array(0),
      coinbaseTxOutputsCount: 0,
      coinbaseTxLocktime: 0,
      merklePath: [],
    },
    tip,
    minNtime: tip.headerTimestamp,
    version,
    coinbaseTxPrefix: Uint8Array.of(1, serial),
    coinbaseTxSuffix: Uint8Array.of(2),
    merklePath: [],
    handle: scriptedHandle(serial),
    facts: {
      kind: "pool",
      prevHash: tip.prevHash,
      height: 1,
      nbits: tip.nbits,
      value: 0n,
      referenceValue: 0n,
      templateFees: 0n,
    },
    networkTarget: targetToBytes(tip.target),
    createdAt: 0,
  };
}

function scriptedHandle(serial: number): NativeJob {
  const merkleRoot = (extranonce: Uint8Array) => native.sha256d(Uint8Array.of(serial, ...extranonce));
  const headerAround = (root: Uint8Array, version: number, ntime: number, nonce: number) => {
    const bytes = new Uint8Array(80);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, version, true);
    view.setUint32(4, serial, true);
    bytes.set(root, 36);
    view.setUint32(68, ntime, true);
    view.setUint32(76, nonce, true);
    return bytes;
  };
  const checkStandardShare: NativeJob["checkStandardShare"] = (
    root,
    version,
    ntime,
    nonce,
    first,
    second,
    hash,
  ) => {
    hash.set(withZeros(native.sha256d(headerAround(root, version, ntime, nonce)), nonce >>> 24));
    const value = integer(hash);
    return (
      (value <= integer(first) ? SHARE_MEETS_FIRST : 0) |
      (second !== null && value <= integer(second) ? SHARE_MEETS_SECOND : 0)
    );
  };
  return {
    checkShare: (extranonce, ...rest) => checkStandardShare(merkleRoot(extranonce), ...rest),
    checkStandardShare,
    merkleRoot,
    header: (extranonce, ...rest) => headerAround(merkleRoot(extranonce), ...rest),
    free() {},
  };
}

function withZeros(hash: Uint8Array, zeros: number): Uint8Array {
  const top = 1n << BigInt(255 - zeros);
  return targetToBytes((integer(hash) & (top - 1n)) | top);
}

function integer(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

/** The same time on both clocks. */
export function at(ms: number): Instant {
  return { wall: ms, monotonic: ms };
}

/** An extended channel at `zeros` leading zero bits, whatever vardiff would like. */
export function channelOfZeros(zeros: number, overrides: Partial<ChannelOptions> = {}): Channel {
  return new Channel({
    settings: { ...defaultChannelSettings, easiestTarget: targetOfZeros(zeros) },
    connectionId: 7,
    id: 2,
    kind: "extended",
    identity: { payoutScript: Uint8Array.of(0x51), address: "address", worker: "rig" },
    extranoncePrefix: Uint8Array.of(9, 0, 0, 1),
    nominalHashrate: 0,
    maxTarget,
    now: at(0),
    ...overrides,
  });
}
