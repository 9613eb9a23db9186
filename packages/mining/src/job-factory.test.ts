import {
  CoinbaseError,
  concatBytes,
  merkleRoot,
  sha256d,
  subsidyAt,
  targetFromNbits,
  targetToBytes,
} from "@lode/bitcoin";
import { native } from "@lode/native";
import { VirtualClock } from "@lode/testing/clock";
import { seededRandom } from "@lode/testing/random";
import { describe, expect, it } from "vitest";
import { JobFactory, JobFactoryError, type JobFactoryOptions, type Template, type Tip } from "./index.ts";

const tip: Tip = {
  prevHash: new Uint8Array(32).fill(7),
  headerTimestamp: 1_700_000_000,
  nbits: 0x1702_1a42,
  target: targetFromNbits(0x1702_1a42),
};
const template: Template = {
  sourceId: "first",
  templateId: 4n,
  height: 789_824,
  version: 0x2000_0000,
  coinbaseTxVersion: 2,
  coinbasePrefix: Uint8Array.of(3, 0x40, 0x0d, 0x0c),
  coinbaseTxInputSequence: 0xffff_fffe,
  coinbaseTxValueRemaining: 312_500_123n,
  // A witness commitment of zeros.
  coinbaseTxOutputs: Uint8Array.of(
    ...new Uint8Array(8),
    38,
    0x6a,
    36,
    0xaa,
    0x21,
    0xa9,
    0xed,
    ...new Uint8Array(32),
  ),
  coinbaseTxOutputsCount: 1,
  coinbaseTxLocktime: 789_823,
  merklePath: [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)],
};
const options = (overrides: Partial<JobFactoryOptions> = {}): JobFactoryOptions => ({
  native,
  tag: new TextEncoder().encode("/Lode/"),
  payoutScript: Uint8Array.of(0x00, 0x14, ...new Uint8Array(20).fill(9)),
  subsidyAt: (height) => subsidyAt(height, "mainnet"),
  random: seededRandom(1),
  clock: new VirtualClock(5_000),
  ...overrides,
});
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("a job", () => {
  it("pays the whole remaining value to the pool, before the template's outputs", () => {
    const job = new JobFactory(options()).build(template, tip, 1_700_000_001);
    const random = hex(seededRandom(1)(8));
    expect(hex(job.coinbaseTxPrefix)).toBe(
      `0200000001${"00".repeat(32)}ffffffff` +
        // 45 bytes: height, tag, random bytes with the serial, extranonce
        `2d03400d0c062f4c6f64652f0c${random}0000000014`,
    );
    expect(hex(job.coinbaseTxSuffix)).toBe(
      "feffffff02" +
        `9b5fa01200000000160014${"09".repeat(20)}` +
        `${"00".repeat(8)}266a24aa21a9ed${"00".repeat(32)}` +
        "3f0d0c00",
    );
    expect(job).toMatchObject({
      serial: 0,
      template,
      tip,
      minNtime: 1_700_000_001,
      version: template.version,
    });
    expect(job.networkTarget).toEqual(targetToBytes(tip.target));
    expect(job.createdAt).toBe(5_000);
  });

  it("says for the books what a job builds on and what it is worth, once for all jobs of a template", () => {
    const factory = new JobFactory(options());
    const { facts } = factory.build(template, tip, 0);
    expect(facts).toEqual({
      kind: "pool",
      prevHash: tip.prevHash,
      height: 0x0c0d40,
      nbits: tip.nbits,
      value: 312_500_123n,
      referenceValue: 312_500_123n,
      templateFees: 0n, // the subsidy is 6.25 at this height
    });
    expect(factory.build(template, tip, 0).facts).toBe(facts);
    const richer = { ...template, coinbaseTxValueRemaining: 625_000_007n };
    expect(factory.build(richer, tip, 0).facts).toMatchObject({ value: 625_000_007n, templateFees: 7n });
  });

  it("has a handle for exactly the parts it shows", () => {
    const job = new JobFactory(options()).build(template, tip, 0);
    const extranonce = new Uint8Array(20).fill(3);
    const coinbase = concatBytes(job.coinbaseTxPrefix, extranonce, job.coinbaseTxSuffix);
    const root = merkleRoot(sha256d(coinbase), [...job.merklePath]);
    expect(job.handle.merkleRoot(extranonce)).toEqual(root);
    const header = Buffer.from(job.handle.header(extranonce, job.version, 1_700_000_002, 77));
    expect(hex(header.subarray(4, 36))).toBe(hex(tip.prevHash));
    expect(hex(header.subarray(36, 68))).toBe(hex(root));
    expect([0, 68, 72, 76].map((at) => header.readUInt32LE(at))).toEqual([
      0x2000_0000,
      1_700_000_002,
      tip.nbits,
      77,
    ]);
  });

  it("is new work every time, even for the same template", () => {
    const factory = new JobFactory(options());
    const jobs = Array.from({ length: 300 }, () => factory.build(template, tip, 0));
    expect(jobs.map((job) => job.serial)).toEqual(jobs.map((_, index) => index));
    expect(new Set(jobs.map((job) => hex(job.coinbaseTxPrefix))).size).toBe(300);
    const other = new JobFactory(options({ random: seededRandom(2) })).build(template, tip, 0);
    expect(hex(other.coinbaseTxPrefix)).not.toBe(hex(jobs[0]!.coinbaseTxPrefix));
  });

  it("fills the scriptSig to its 100 bytes with the longest tag, and one more byte is refused", () => {
    const height = Uint8Array.of(4, 1, 2, 3, 4);
    // 100 − (1 + 12) − (1 + 20) − (1 + 60)
    const factory = new JobFactory(options({ tag: new Uint8Array(60).fill(0x2f) }));
    const job = factory.build({ ...template, coinbasePrefix: height }, tip, 0);
    expect(job.coinbaseTxPrefix[41]).toBe(100);
    const longer = { ...template, coinbasePrefix: Uint8Array.of(...height, 0) };
    expect(() => factory.build(longer, tip, 0)).toThrow(CoinbaseError);
    expect(() => new JobFactory(options({ tag: new Uint8Array(61) }))).toThrow(JobFactoryError);
  });

  it("needs somebody to pay, and money to pay with", () => {
    expect(() => new JobFactory(options({ payoutScript: new Uint8Array(0) }))).toThrow(JobFactoryError);
    const factory = new JobFactory(options());
    expect(() => factory.build({ ...template, coinbaseTxValueRemaining: 2n ** 63n }, tip, 0)).toThrow(
      CoinbaseError,
    );
    expect(() => factory.build({ ...template, coinbaseTxValueRemaining: 0n }, tip, 0)).not.toThrow();
  });

  it("does not see later changes of the arrays it was made from", () => {
    const tag = Uint8Array.of(1, 2, 3);
    const factory = new JobFactory(options({ tag }));
    const before = hex(factory.build(template, tip, 0).coinbaseTxPrefix).slice(0, 106);
    tag.fill(0xff);
    expect(hex(factory.build(template, tip, 0).coinbaseTxPrefix).slice(0, 106)).toBe(before);
  });
});
