import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type NaiveShare, naiveSettlement } from "../../test/pplns/naive-settlement.ts";
import { apportion } from "./apportion.ts";
import { type CreditedSlice, settleSlices } from "./settle.ts";

/** LODE_PPLNS_CASES=100000 runs as many cases of each property. */
const numRuns = Number(process.env["LODE_PPLNS_CASES"] ?? 150);
const timeout = 60_000 + numRuns * 20;

const reward = fc.bigInt(0n, 5_000_000_000n);
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const netWorks = [2n, 1_000n, 1_100n, 596_867_278_245_173_554_268_072n];
const names = ["a", "b", "c", "d", "e"];

const share = fc.record({
  account: fc.constantFrom(...names),
  feeClass: fc.integer({ min: 0, max: 2 }),
  trueWork: fc.bigInt(1n, 400n),
  creditPpm: fc.constantFrom(1_000_000n, 1_000_000n, 800_000n, 0n),
});

/** Shares of a few slices; seq rises, difficulty changes now and then. */
const history = fc
  .array(fc.record({ netWork: fc.constantFrom(...netWorks), shares: fc.array(share, { minLength: 1 }) }), {
    minLength: 1,
    maxLength: 8,
  })
  .map((slices) =>
    slices.flatMap(({ netWork, shares }, slice) =>
      shares.map(({ account, feeClass, trueWork, creditPpm }): NaiveShare => {
        const work = netWork > 10_000n ? (trueWork * netWork) / 1_000n : trueWork;
        return {
          slice,
          netWork,
          account,
          feeClass,
          trueWork: work,
          credited: (work * creditPpm) / 1_000_000n,
        };
      }),
    ),
  )
  .filter((shares) => shares.some(({ credited, slice }) => credited > 0n && slice === shares.at(-1)!.slice));

const n = fc.record({ num: fc.bigInt(1n, 24n), den: fc.bigInt(1n, 3n) });

const feePpm = (feeClass: number) => [20_000n, 10_000n, 0n][feeClass]!;
const donationPpm = (account: string, feeClass: number) =>
  account === "b" ? 5_000n : account === "c" && feeClass === 1 ? 1_000_000n : 0n;

function slicesOf(shares: readonly NaiveShare[]): CreditedSlice[] {
  const slices = new Map<number, NaiveShare[]>();
  for (const entry of shares) {
    const list = slices.get(entry.slice) ?? [];
    slices.set(entry.slice, list);
    list.push(entry);
  }
  return [...slices]
    .sort(([a], [b]) => b - a)
    .map(([seq, list]) => ({
      seq,
      netWork: list[0]!.netWork,
      windowWork: list.reduce((sum, { trueWork }) => sum + trueWork, 0n),
      credits: list,
    }));
}

interface Terms {
  readonly n: { num: bigint; den: bigint };
  readonly reward: bigint;
  readonly blockHash: Uint8Array;
}

function settled(slices: readonly CreditedSlice[], terms: Terms): Record<string, bigint> {
  const settlement = settleSlices(slices, {
    ...terms,
    classes: (feeClass) => ({ feePpm: feePpm(feeClass), donationPpm: 0n }),
    donationPpmOf: donationPpm,
    accountKey: (account) => Buffer.from(account),
  });
  const result: Record<string, bigint> = { fee: settlement.fee, donation: settlement.donation };
  for (const { account, feeClass, net } of settlement.credits) result[`${feeClass}:${account}`] = net;
  return result;
}

const terms = fc.record({ n, reward, blockHash: hash });

function check<T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => void): void {
  fc.assert(fc.property(arbitrary, property), { numRuns });
}

describe("a settlement", { timeout }, () => {
  it("is what a naive program with fractions computes, and adds up to the reward", () => {
    check(fc.tuple(history, terms), ([shares, given]) => {
      const result = settled(slicesOf(shares), given);
      const naive = naiveSettlement(shares, {
        ...given,
        n: { n: given.n.num, d: given.n.den },
        feePpm,
        donationPpm,
      });
      const paid = Object.fromEntries(
        Object.entries(naive).filter(([key, net]) => net !== 0n || key in result),
      );
      expect({ ...paid, ...result }).toEqual(paid);
      expect(Object.values(result).reduce((sum, amount) => sum + amount, 0n)).toBe(given.reward);
      for (const amount of Object.values(result)) expect(amount >= 0n).toBe(true);
    });
  });

  it("does not depend on the order of rows, on how they are cut, or on the unit of work", () => {
    const factor = fc.bigInt(2n, 1n << 40n);
    check(fc.tuple(history, terms, fc.infiniteStream(fc.nat()), factor), ([shares, given, random, by]) => {
      const result = settled(slicesOf(shares), given);
      const shuffled = shares
        .map((entry) => ({ entry, key: random.next().value as number }))
        .sort((x, y) => x.key - y.key)
        .map(({ entry }) => entry);
      expect(settled(slicesOf(shuffled), given)).toEqual(result);
      const cut = shares.flatMap((entry) => {
        const credited = entry.credited / 3n;
        const trueWork = entry.trueWork / 3n;
        return [
          { ...entry, credited, trueWork },
          { ...entry, credited: entry.credited - credited, trueWork: entry.trueWork - trueWork },
        ];
      });
      expect(settled(slicesOf(cut), given)).toEqual(result);
      const scaled = shares.map((entry) => ({
        ...entry,
        netWork: entry.netWork * by,
        trueWork: entry.trueWork * by,
        credited: entry.credited * by,
      }));
      expect(settled(slicesOf(scaled), given)).toEqual(result);
    });
  });

  it("is the same when neighbours of one difficulty that count in full are one slice", () => {
    check(fc.tuple(history, terms), ([shares, given]) => {
      const slices = slicesOf(shares);
      const whole = { ...given, n: { num: 1_000_000_000n, den: 1n } };
      const merged: CreditedSlice[] = [];
      for (const slice of slices) {
        const last = merged.at(-1);
        if (last?.netWork === slice.netWork) {
          merged[merged.length - 1] = {
            ...last,
            windowWork: last.windowWork + slice.windowWork,
            credits: [...last.credits, ...slice.credits],
          };
        } else {
          merged.push(slice);
        }
      }
      expect(settled(merged, whole)).toEqual(settled(slices, whole));
    });
  });
});

describe("apportion", { timeout }, () => {
  const weights = fc.array(fc.oneof(fc.constant(0n), fc.bigInt(1n, 5n), fc.bigInt(1n, 1n << 90n)), {
    maxLength: 60,
  });

  it("adds up, leaves nothing with weight 0 and stays within one of the exact share", () => {
    check(fc.tuple(reward, weights), ([amount, list]) => {
      const total = list.reduce((sum, weight) => sum + weight, 0n);
      fc.pre(total > 0n);
      const parts = apportion(amount, list, (index) => Uint8Array.of(index));
      expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(amount);
      for (const [index, weight] of list.entries()) {
        const off = parts[index]! * total - amount * weight;
        expect(off > -total && off < total).toBe(true);
        if (weight === 0n) expect(parts[index]).toBe(0n);
      }
    });
  });

  it("gives more to nobody with less weight, and asks for hashes only where equals meet the cut", () => {
    check(fc.tuple(reward, weights), ([amount, list]) => {
      fc.pre(list.some((weight) => weight > 0n));
      const asked = new Set<bigint>();
      const parts = apportion(amount, list, (index) => {
        asked.add(list[index]!);
        return Uint8Array.of(index);
      });
      const order = [...list.keys()].sort((a, b) => (list[a]! < list[b]! ? -1 : 1));
      for (const [at, index] of order.entries()) {
        const next = order[at + 1];
        if (next !== undefined && list[index]! < list[next]!)
          expect(parts[index]! <= parts[next]!).toBe(true);
      }
      // Different weights with the same remainder are rare, so those asked for are nearly always one weight.
      const total = list.reduce((sum, weight) => sum + weight, 0n);
      expect(new Set([...asked].map((weight) => (amount * weight) % total)).size).toBeLessThanOrEqual(1);
    });
  });

  it("refuses what it cannot split", () => {
    expect(() => apportion(1n, [], () => new Uint8Array())).toThrow(RangeError);
    expect(() => apportion(1n, [0n], () => new Uint8Array())).toThrow(RangeError);
    expect(() => apportion(1n, [-1n, 3n], () => new Uint8Array())).toThrow(RangeError);
    expect(() => apportion(-1n, [1n], () => new Uint8Array())).toThrow(RangeError);
    expect(apportion(0n, [0n], () => new Uint8Array())).toEqual(BigInt64Array.of(0n));
  });
});
