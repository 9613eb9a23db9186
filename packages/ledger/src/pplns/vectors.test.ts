import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { DIFF1_TARGET, targetFromNbits, workOfTarget } from "@lode/bitcoin";
import { describe, expect, it } from "vitest";
import { apportion } from "./apportion.ts";
import { cappedCredit } from "./credit.ts";
import { type CreditedSlice, type Settlement, settleSlices } from "./settle.ts";

type Amounts = Record<string, string>;
interface SliceVector {
  seq: number;
  netWork: string;
  credits: Record<string, Amounts>;
}

interface SettlementVector {
  name: string;
  n: string;
  reward: string;
  feePpm: Amounts;
  donationPpm?: Amounts;
  slices: SliceVector[];
  boundary: { seq: number; phi: string } | null;
  filled: string;
  fee: string;
  donation: string;
  tieKeys?: Amounts;
  credits: Amounts;
  rejected?: Amounts;
}
interface SliceFeeVector {
  name: string;
  subsidy: string;
  pots: string[];
  cap?: string;
  slices: { account: string; work: string; fees: string }[][];
  credits: Amounts;
}
interface FloatVector {
  percent: number;
  ppm: string;
  amount: string;
  exact: string;
  double: number;
}

const vectors = JSON.parse(readFileSync(new URL("../../vectors/pplns.json", import.meta.url), "utf8"));
const blockHash = Buffer.from(vectors.blockHash, "hex");
const noTie = () => new Uint8Array(32);

function slicesOf(list: readonly SliceVector[]): CreditedSlice[] {
  return list.map(({ seq, netWork, credits }) => {
    const flat = Object.entries(credits).flatMap(([feeClass, byAccount]) =>
      Object.entries(byAccount).map(([account, credited]) => ({
        account,
        feeClass: Number(feeClass),
        credited: BigInt(credited),
      })),
    );
    const windowWork = flat.reduce((sum, { credited }) => sum + credited, 0n);
    return { seq, netWork: BigInt(netWork), windowWork, credits: flat };
  });
}

function rational(text: string): { num: bigint; den: bigint } {
  const [num, den = "1"] = text.split("/");
  return { num: BigInt(num!), den: BigInt(den) };
}

function netByAccount({ credits }: Settlement): Amounts {
  const sums: Record<string, bigint> = {};
  for (const { account, net } of credits) sums[account] = (sums[account] ?? 0n) + net;
  return Object.fromEntries(Object.entries(sums).map(([account, net]) => [account, String(net)]));
}

function settle(slices: readonly CreditedSlice[], n: string, reward: string, terms: object = {}): Settlement {
  return settleSlices(slices, {
    reward: BigInt(reward),
    blockHash,
    n: rational(n),
    classes: () => ({ feePpm: 0n, donationPpm: 0n }),
    accountKey: (account) => Buffer.from(account),
    ...terms,
  });
}

describe("work of a target", () => {
  it.each(vectors.work.ofDifficulty as { difficulty: string; work: string }[])(
    "V0 difficulty $difficulty is $work",
    ({ difficulty, work }) => {
      expect(workOfTarget(DIFF1_TARGET / BigInt(difficulty))).toBe(BigInt(work));
    },
  );

  it.each(vectors.work.ofNbits as { nbits: string; work: string }[])(
    "V0 nbits $nbits is $work",
    ({ nbits, work }) => {
      expect(workOfTarget(targetFromNbits(Number.parseInt(nbits, 16)))).toBe(BigInt(work));
    },
  );
});

describe("a settlement", () => {
  it.each(vectors.settlements as SettlementVector[])("$name", (vector) => {
    const settlement = settle(slicesOf(vector.slices), vector.n, vector.reward, {
      classes: (feeClass: number) => ({ feePpm: BigInt(vector.feePpm[feeClass]!), donationPpm: 0n }),
      donationPpmOf: (account: string) => BigInt(vector.donationPpm?.[account] ?? 0),
    });
    const { boundary, filled } = settlement.window;
    expect(boundary === null ? null : { seq: boundary.seq, phi: boundary.phi }).toEqual(
      vector.boundary === null ? null : { seq: vector.boundary.seq, phi: rational(vector.boundary.phi) },
    );
    expect(filled).toEqual(rational(vector.filled));
    expect(String(settlement.fee)).toBe(vector.fee);
    expect(String(settlement.donation)).toBe(vector.donation);
    expect(netByAccount(settlement)).toEqual(vector.credits);
    if (vector.rejected !== undefined) expect(netByAccount(settlement)).not.toEqual(vector.rejected);
    for (const [account, start] of Object.entries(vector.tieKeys ?? {})) {
      const key = createHash("sha256")
        .update(blockHash)
        .update(Uint8Array.of(0))
        .update(account)
        .digest("hex");
      expect(key.slice(0, 8)).toBe(start);
    }
  });

  it("V6 pays every miner, in expectation, the value its jobs bring", () => {
    const { capped } = vectors;
    const credits = capped.jobs.map(({ account, work, value, credited }: Amounts) => {
      expect(cappedCredit(BigInt(work!), BigInt(value!), BigInt(capped.reference))).toBe(BigInt(credited!));
      return { account, feeClass: 0, credited: BigInt(credited!) };
    });
    const slice = { seq: 1, netWork: 1000n, windowWork: 1000n, credits };
    for (const block of capped.blocks)
      expect(netByAccount(settle([slice], "1", block.reward))).toEqual(block.credits);
    // The pool's jobs find 7 of 10 blocks. A block's rounding is below one satoshi, so that of ten is below ten.
    const [ownJob, customJob] = capped.blocks;
    const ofTen = (pick: (block: { reward: string; credits: Amounts }) => string) =>
      7n * BigInt(pick(ownJob)) + 3n * BigInt(pick(customJob));
    expect(ofTen(({ reward }) => reward)).toBe(10n * BigInt(capped.expected.reward));
    const off = 10n * BigInt(capped.expected.alice) - ofTen(({ credits: { alice } }) => alice!);
    expect(off > -10n && off < 10n).toBe(true);
  });
});

describe("the split by largest remainder in other uses", () => {
  it.each(vectors.sliceFees as SliceFeeVector[])("$name", ({ subsidy, pots, slices, cap, credits }) => {
    const scored: Record<string, bigint> = {};
    const add = (names: string[], amounts: BigInt64Array) =>
      names.forEach((name, at) => {
        scored[name] = (scored[name] ?? 0n) + amounts[at]!;
      });
    const all = slices.flat();
    add(
      all.map(({ account }) => account),
      apportion(
        BigInt(subsidy),
        all.map(({ work }) => BigInt(work)),
        noTie,
      ),
    );
    for (const [at, pot] of pots.entries()) {
      const slice = slices[at]!;
      const weights = slice.map(({ work, fees }) => {
        const claimed = BigInt(fees);
        return BigInt(work) * (cap !== undefined && claimed > BigInt(cap) ? BigInt(cap) : claimed);
      });
      add(
        slice.map(({ account }) => account),
        apportion(BigInt(pot), weights, noTie),
      );
    }
    expect(
      Object.fromEntries(Object.entries(scored).map(([name, amount]) => [name, String(amount)])),
    ).toEqual(credits);
  });

  it("V9 splits a transaction's fee by the bytes of the outputs", () => {
    const { inputs, outputs, fee, feerate, virtualSize, weight, poolPays, minersPay } = vectors.batchFee;
    const sum = (list: string[]) => list.reduce((total, value) => total + BigInt(value), 0n);
    const amounts = outputs.map(({ amount }: Amounts) => amount);
    expect((BigInt(weight) + 3n) / 4n).toBe(BigInt(virtualSize));
    expect(BigInt(virtualSize) * BigInt(feerate)).toBe(BigInt(fee));
    expect(String(sum(inputs) - sum(amounts) - BigInt(fee))).toBe(poolPays.change);
    const fees = apportion(
      BigInt(fee),
      outputs.map(({ bytes }: Amounts) => BigInt(bytes!)),
      noTie,
    );
    expect([...fees].map(String)).toEqual(minersPay.fees);
    expect(amounts.map((amount: string, at: number) => String(BigInt(amount) - fees[at]!))).toEqual(
      minersPay.amounts,
    );
    expect(String(sum(inputs) - sum(amounts))).toBe(minersPay.change);
  });

  it("V10 what the coinbase does not pay stays with the pool's output as debt", () => {
    const { reward, fee, credits, carried, cases } = vectors.coinbaseOutputs;
    const sum = (amounts: Amounts) =>
      Object.values(amounts).reduce((total, amount) => total + BigInt(amount), 0n);
    expect(sum(credits) + BigInt(fee)).toBe(BigInt(reward));
    for (const { paid, pool, carry } of cases) {
      expect(sum(paid) + BigInt(pool)).toBe(BigInt(reward));
      expect(BigInt(pool)).toBe(BigInt(fee) + sum(carry) - sum(carried));
    }
  });

  it("V12 integer weights round down and the pool's output takes the rest", () => {
    const { amount, weights, pool, parts, rest } = vectors.integerWeights;
    const total = [...weights, pool].reduce((sum, weight) => sum + BigInt(weight), 0n);
    const paid = weights.map((weight: string) => (BigInt(weight) * BigInt(amount)) / total);
    expect(paid.map(String)).toEqual(parts);
    expect(String(BigInt(amount) - paid.reduce((sum: bigint, part: bigint) => sum + part, 0n))).toBe(rest);
  });

  it.each(vectors.floats as FloatVector[])(
    "V13 $ppm ppm of $amount is exact where a double is not",
    (vector) => {
      expect(Math.floor((vector.percent / 100) * Number(vector.amount))).toBe(vector.double);
      expect(String((BigInt(vector.amount) * BigInt(vector.ppm)) / 1_000_000n)).toBe(vector.exact);
    },
  );
});
