import {
  buildCoinbase,
  bytesToTarget,
  concatBytes,
  displayToInternal,
  internalToDisplay,
  maxTarget,
  serializeOutput,
  targetFromNbits,
  targetToBytes,
} from "@lode/bitcoin";
import { loadNative, native } from "@lode/native";
import { describe, expect, it } from "vitest";
import { at, scriptedJob, tipNamed } from "../test/scripted-job.ts";
import genesis from "../vectors/genesis-block.json" with { type: "json" };
import sri from "../vectors/sri-channels.json" with { type: "json" };
import { Channel, defaultChannelSettings, type MiningJob, type Tip } from "./index.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");
const targetFromDisplay = (display: string) => bytesToTarget(displayToInternal(display));

interface CoinbaseVector {
  coinbasePrefix: string;
  coinbaseTxInputSequence: number;
  coinbaseTxLocktime: number;
  coinbaseTxOutputs: string;
  payoutScript: string;
}

/** The reference implementation's layout is ours without the push that makes jobs unique. */
function coinbaseOf(vector: CoinbaseVector, extranonceSize: number) {
  const reward = serializeOutput(BigInt(sri.valueRemaining), bytes(vector.payoutScript));
  return buildCoinbase({
    version: sri.coinbaseTxVersion,
    prefix: bytes(vector.coinbasePrefix),
    tag: bytes(sri.tag),
    unique: new Uint8Array(0),
    extranonceSize,
    sequence: vector.coinbaseTxInputSequence,
    outputs: concatBytes(reward, bytes(vector.coinbaseTxOutputs)),
    outputsCount: 2,
    locktime: vector.coinbaseTxLocktime,
  });
}

/** A job around a given coinbase; what stands in front of its last 20 extranonce bytes counts as coinbase. */
function jobOf(
  prefix: Uint8Array,
  suffix: Uint8Array,
  tip: Tip,
  version: number,
  minNtime: number,
): MiningJob {
  const handle = native.createJob({
    coinbaseTxPrefix: prefix,
    coinbaseTxSuffix: suffix,
    merklePath: new Uint8Array(0),
    prevHash: tip.prevHash,
    nbits: tip.nbits,
  });
  const networkTarget = targetToBytes(tip.target);
  return {
    ...scriptedJob(0, tip, version),
    coinbaseTxPrefix: prefix,
    coinbaseTxSuffix: suffix,
    handle,
    minNtime,
    networkTarget,
  };
}

/** The header's hash as displayed, without a channel. */
function hashOf(
  job: MiningJob,
  extranonce: Uint8Array,
  { version, ntime, nonce }: { version: number; ntime: number; nonce: number },
): string {
  const hash = new Uint8Array(32);
  job.handle.checkShare(extranonce, version, ntime, nonce, job.networkTarget, job.networkTarget, hash);
  return internalToDisplay(hash);
}

function channelFor(extranoncePrefix: Uint8Array, nominalHashrate: number, sharesPerMinute: number) {
  return new Channel({
    settings: { ...defaultChannelSettings, sharesPerMinute, easiestTarget: maxTarget },
    connectionId: 1,
    id: 1,
    kind: "extended",
    identity: { payoutScript: Uint8Array.of(0x51), address: "address", worker: "" },
    extranoncePrefix,
    nominalHashrate,
    maxTarget,
    now: at(0),
  });
}

describe("the reference implementation's vectors", () => {
  it.each(sri.shares)("share: $name", (vector) => {
    const extranonce = bytes(vector.extranoncePrefix + (vector.share.extranonce ?? ""));
    const { prefix, suffix } = coinbaseOf(vector, extranonce.length);
    const ours = extranonce.length - 20;
    const tip: Tip = {
      prevHash: bytes(vector.prevHash),
      headerTimestamp: vector.minNtime,
      nbits: vector.nbits,
      target: targetFromNbits(vector.nbits),
    };
    expect(tip.target).toBe(targetFromDisplay(vector.networkTarget));
    const channel = channelFor(extranonce.slice(ours, ours + 4), vector.nominalHashrate, 1);
    expect(channel.target).toBe(targetFromDisplay(vector.channelTarget));
    const now = at(vector.share.ntime * 1000);
    channel.activate(
      1,
      jobOf(concatBytes(prefix, extranonce.slice(0, ours)), suffix, tip, vector.version, vector.minNtime),
      now,
    );

    const submission = {
      ...vector.share,
      sequenceNumber: 0,
      jobId: 1,
      extranonce: extranonce.slice(ours + 4),
    };
    const verdict = channel.checkShare(submission, now);
    const again = channel.checkShare(submission, now);
    if (vector.verdict === "difficulty-too-low") {
      expect(verdict).toEqual({ accepted: false, code: "difficulty-too-low", block: undefined });
      return;
    }
    // The blocks' hashes are above the target for the nominal rate; they are shares because this network's is no harder.
    if (!verdict.accepted) throw new Error(verdict.code);
    expect(hashOf(channel.job!, extranonce.slice(ours), submission)).toBe(vector.hash);
    expect(verdict.block === undefined).toBe(vector.verdict !== "block");
    if (verdict.block !== undefined) {
      expect(internalToDisplay(verdict.block.hash)).toBe(vector.hash);
      expect(hex(verdict.block.coinbaseTx)).toBe(hex(concatBytes(prefix, extranonce, suffix)));
    }
    expect(again).toEqual({ accepted: false, code: "duplicate-share", block: undefined });
  });

  it("coinbase: the same bytes around the extranonce", () => {
    const vector = sri.jobs[0]!;
    const { prefix, suffix } = coinbaseOf(vector, vector.extranonceSize);
    expect(hex(prefix)).toBe(vector.coinbaseTxPrefix);
    expect(hex(suffix)).toBe(vector.coinbaseTxSuffix);
  });

  it.each([...new Set(["js", native.backend] as const)])("merkle root of a standard job (%s)", (backend) => {
    const vector = sri.jobs[1]!;
    const { prefix, suffix } = coinbaseOf(vector, vector.extranonceSize);
    const job = loadNative(backend).createJob({
      coinbaseTxPrefix: prefix,
      coinbaseTxSuffix: suffix,
      merklePath: new Uint8Array(0),
      prevHash: bytes(vector.prevHash!),
      nbits: vector.nbits!,
    });
    expect(hex(job.merkleRoot(bytes(vector.extranoncePrefix!)))).toBe(vector.merkleRoot);
  });
});

describe("a real block", () => {
  it("is found again: the genesis block, with the end of its headline as the extranonce", () => {
    const coinbaseTx = bytes(genesis.coinbaseTx);
    const headlineEnd = genesis.coinbaseTx.indexOf("ffffffff01") / 2;
    const extranonce = coinbaseTx.slice(headlineEnd - 20, headlineEnd);
    const tip = { ...tipNamed(0, targetFromNbits(genesis.nbits)), nbits: genesis.nbits };
    const job = jobOf(
      coinbaseTx.slice(0, headlineEnd - 20),
      coinbaseTx.slice(headlineEnd),
      tip,
      genesis.version,
      genesis.ntime,
    );
    const channel = channelFor(extranonce.slice(0, 4), 1e6, 6);
    channel.activate(1, job, at(0));
    const { nonce, ntime, version } = genesis;
    const submission = {
      sequenceNumber: 1,
      jobId: 1,
      nonce,
      ntime,
      version,
      extranonce: extranonce.slice(4),
    };
    const verdict = channel.checkShare(submission, at(genesis.ntime * 1000));
    expect(verdict.accepted).toBe(true);
    expect(hex(verdict.block!.header)).toBe(genesis.header);
    expect(internalToDisplay(verdict.block!.hash)).toBe(genesis.hash);
    expect(hex(verdict.block!.coinbaseTx)).toBe(genesis.coinbaseTx);
  });
});
