import {
  buildCoinbase,
  concatBytes,
  serializeOutput,
  sha256d,
  subsidyAt,
  targetFromNbits,
} from "@lode/bitcoin";
import { native } from "@lode/native";
import { VirtualClock } from "@lode/testing/clock";
import { seededRandom } from "@lode/testing/random";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Identity, JobFactory, PayeeBook, poolPayee, type SoloFee, type Template } from "./index.ts";

const POOL = Uint8Array.of(0x51, 0x20, ...new Uint8Array(32).fill(1));
const FEE = Uint8Array.of(0x00, 0x14, ...new Uint8Array(20).fill(2));
const MINER = Uint8Array.of(0x76, 0xa9, 0x14, ...new Uint8Array(20).fill(3), 0x88, 0xac);
const factory = new JobFactory({
  native,
  tag: new Uint8Array(0),
  payoutScript: POOL,
  subsidyAt: (height) => subsidyAt(height, "mainnet"),
  random: seededRandom(1),
  clock: new VirtualClock(5_000),
});
const tip = {
  prevHash: new Uint8Array(32).fill(7),
  headerTimestamp: 0,
  nbits: 0x1702_1a42,
  target: targetFromNbits(0x1702_1a42),
};

function template(value: bigint, others = 1): Template {
  return {
    sourceId: "s",
    templateId: 1n,
    height: 800_000,
    version: 0x2000_0000,
    coinbaseTxVersion: 2,
    coinbasePrefix: Uint8Array.of(3, 0, 0x35, 0x0c),
    coinbaseTxInputSequence: 0xffff_fffe,
    coinbaseTxValueRemaining: value,
    coinbaseTxOutputs: concatBytes(
      ...Array.from({ length: others }, () => serializeOutput(0n, Uint8Array.of(0x6a))),
    ),
    coinbaseTxOutputsCount: others,
    coinbaseTxLocktime: 799_999,
    merklePath: [new Uint8Array(32).fill(1)],
  };
}

const identity = (fields: Partial<Identity> = {}): Identity => ({
  payoutScript: MINER,
  address: "miner",
  worker: "",
  solo: true,
  ...fields,
});

/** What a job of `value` pays whom, read from the variant's own bytes. */
function paid(value: bigint, who: Identity, soloFee?: SoloFee, others = 1) {
  const book = new PayeeBook({ native, poolScript: POOL, ...(soloFee === undefined ? {} : { soloFee }) });
  const job = factory.build(template(value, others), tip, 0);
  const payee = book.of(who);
  const { coinbaseTxSuffix, facts, handle } = payee.variantOf(job);
  const extranonce = new Uint8Array(20).fill(9);
  const tx = concatBytes(job.coinbaseTxPrefix, extranonce, coinbaseTxSuffix);
  expect(handle.merkleRoot(extranonce)).toEqual(sha256d(concatBytes(sha256d(tx), job.merklePath[0]!)));
  const frame = new Uint8Array(payee.suffixSize(job) + 3).fill(0xee);
  payee.writeSuffix(job, frame, 3);
  expect(frame.subarray(3)).toEqual(coinbaseTxSuffix);
  return { coinbaseTxSuffix, facts, job };
}

/** The suffix as it must be, put together by the other route. */
function suffixOf(value: bigint, outputs: readonly (readonly [bigint, Uint8Array])[], others = 1) {
  const { coinbaseTxOutputs, coinbaseTxInputSequence, coinbaseTxLocktime } = template(value, others);
  return buildCoinbase({
    version: 2,
    prefix: Uint8Array.of(3, 0, 0x35, 0x0c),
    tag: new Uint8Array(0),
    unique: new Uint8Array(12),
    extranonceSize: 20,
    sequence: coinbaseTxInputSequence,
    outputs: concatBytes(
      ...outputs.map(([sats, script]) => serializeOutput(sats, script)),
      coinbaseTxOutputs,
    ),
    outputsCount: outputs.length + others,
    locktime: coinbaseTxLocktime,
  }).suffix;
}

describe("the coinbase of a solo job", () => {
  it("pays the miner everything, and its shares earn no credit", () => {
    const { coinbaseTxSuffix, facts } = paid(312_500_007n, identity());
    expect(coinbaseTxSuffix).toEqual(suffixOf(312_500_007n, [[312_500_007n, MINER]]));
    expect(facts).toMatchObject({ kind: "solo", value: 0n, referenceValue: 0n, height: 800_000 });
  });

  it("pays fee or donation rounded down and the miner the rest, for every amount of money", () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, 2_100_000_000_000_000n),
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 99 }),
        fc.constantFrom(0, 1, 251, 252, 300),
        (value, basisPoints, donationPercent, others) => {
          const fee = (value * BigInt(basisPoints)) / 10_000n;
          const charged = paid(value, identity(), { script: FEE, basisPoints }, others);
          const outputs = [
            [value - fee, MINER],
            [fee, FEE],
          ] as const;
          expect(charged.coinbaseTxSuffix).toEqual(suffixOf(value, outputs, others));
          expect(charged.facts.value).toBe(fee);
          const gift = (value * BigInt(donationPercent)) / 100n;
          const given = paid(value, identity({ donationPercent }), { script: FEE, basisPoints }, others);
          expect(given.coinbaseTxSuffix).toEqual(
            suffixOf(
              value,
              [
                [value - gift, MINER],
                [gift, POOL],
              ],
              others,
            ),
          );
          expect(given.facts.value).toBe(gift);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("pays the pool what is given away altogether", () => {
    const { coinbaseTxSuffix, facts } = paid(50n, identity({ payoutScript: POOL, donationPercent: 100 }));
    expect(coinbaseTxSuffix).toEqual(suffixOf(50n, [[50n, POOL]]));
    expect(facts).toMatchObject({ kind: "solo", value: 50n });
  });

  it("has one output for a miner who is the pool, and all of it is the pool's income", () => {
    for (const payoutScript of [POOL, FEE]) {
      const fee = { script: payoutScript, basisPoints: 100 };
      const { coinbaseTxSuffix, facts } = paid(5_000n, identity({ payoutScript }), fee);
      expect(coinbaseTxSuffix).toEqual(suffixOf(5_000n, [[5_000n, payoutScript]]));
      expect(facts.value).toBe(5_000n);
    }
  });
});

describe("the book of payees", () => {
  it("knows the pool for everybody who does not mine alone", () => {
    const book = new PayeeBook({ native, poolScript: POOL });
    const { solo: _, ...pooled } = identity({ donationPercent: 5 });
    expect(book.of(pooled)).toBe(poolPayee);
  });

  it("gives the same payee for the same outputs while a channel holds it, and forgets it then", () => {
    const book = new PayeeBook({ native, poolScript: POOL });
    const payee = book.of(identity());
    for (let held = 0; held < 2; held++) book.hold(payee);
    expect(book.of(identity({ payoutScript: MINER.slice(), worker: "other" }))).toBe(payee);
    expect(book.of(identity({ donationPercent: 1 }))).not.toBe(payee);
    book.letGo(payee);
    expect([book.size, book.of(identity())]).toEqual([1, payee]);
    book.letGo(payee);
    expect(book.size).toBe(0);
  });

  it("keeps one set of facts for a template whoever the miner is", () => {
    const book = new PayeeBook({ native, poolScript: POOL });
    const job = factory.build(template(10n), tip, 0);
    const facts = [MINER, FEE].map(
      (payoutScript) => book.of(identity({ payoutScript })).variantOf(job).facts,
    );
    expect(facts[0]).toBe(facts[1]);
  });
});
