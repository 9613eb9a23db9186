import { Prng } from "@lode/testing/random";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allocate, type CreditedSlice, settleSlices, windowOf } from "../pplns/index.ts";
import { CreditList } from "./credit-list.ts";
import { CreditTotals } from "./credit-totals.ts";
import { type CreditSource, readWindow, windowWeights } from "./window-credits.ts";
import { CHECKPOINT_EVERY, ERA_SLICES, endsCheckpoint, eraStart, planReads } from "./window-reads.ts";

describe("the reads for a range of slices", () => {
  const range = fc
    .tuple(fc.nat(3 * ERA_SLICES), fc.nat(2 * ERA_SLICES), fc.nat(3))
    .map(([from, length, behind]) => ({
      from,
      to: from + length,
      // Checkpoints exist up to the range's end, or are a few behind it, or ahead.
      lastCheckpoint: (Math.floor((from + length) / CHECKPOINT_EVERY) + 1 - behind) * CHECKPOINT_EVERY - 1,
    }));

  it("count every slice of it once and no other, and few slices alone", () => {
    fc.assert(
      fc.property(range, ({ from, to, lastCheckpoint }) => {
        const { checkpoints, slices } = planReads(from, to, lastCheckpoint);
        const counts = new Int32Array(to + ERA_SLICES * 2);
        for (const { seq, sign } of slices) counts[seq]! += sign;
        for (const { seq, sign } of checkpoints) {
          expect(endsCheckpoint(seq) && seq <= lastCheckpoint).toBe(true);
          for (let at = eraStart(seq); at <= seq; at++) counts[at]! += sign;
        }
        const wrong = counts.findIndex((count, at) => count !== (at >= from && at <= to ? 1 : 0));
        expect(wrong).toBe(-1);
        if (lastCheckpoint >= to) {
          expect(slices.length).toBeLessThanOrEqual(2 * (CHECKPOINT_EVERY / 2));
        }
      }),
      { numRuns: 60 },
    );
  });
});

/** A pool's slices in memory, with checkpoints as the sequencer would write them. */
function simulatedSlices(seed: number, count: number) {
  const random = new Prng(seed);
  const works = new Map([
    [1, 1_000n],
    [2, 1_100n],
    [3, 900n],
  ]);
  let nbits = 1;
  const slices = Array.from({ length: count }, (_, seq) => {
    if (random.chance(0.002)) nbits = random.between(1, 3);
    const list = CreditList.of(
      Array.from({ length: random.between(1, 6) }, () => {
        const trueWork = BigInt(random.between(1, 20));
        return {
          // Some accounts come late and some leave.
          account: random.between(1 + Math.floor(seq / 500), 8 + Math.floor(seq / 300)),
          feeClass: random.chance(0.2) ? 1 : 0,
          count: 1,
          trueWork,
          creditedWork: random.chance(0.1) ? trueWork / 2n : trueWork,
        };
      }),
    );
    return { seq, nbits, list, netWork: works.get(nbits)! };
  });
  const checkpoints = new Map<number, Map<number, CreditTotals>>();
  for (const { seq } of slices.filter((slice) => endsCheckpoint(slice.seq))) {
    const totals = new Map<number, CreditTotals>();
    for (const { nbits: bits, list } of slices.slice(eraStart(seq), seq + 1)) {
      const total = totals.get(bits) ?? new CreditTotals();
      totals.set(bits, total);
      total.add(list);
    }
    checkpoints.set(seq, totals);
  }
  const source: CreditSource = {
    lastCheckpoint: Math.max(-1, ...checkpoints.keys()),
    slice: async (seq) => [slices[seq]!],
    checkpoint: async (seq) =>
      [...checkpoints.get(seq)!].map(([bits, totals]) => ({ nbits: bits, list: totals.list })),
  };
  const newestFirst = (below: number): CreditedSlice[] =>
    slices
      .slice(0, below)
      .reverse()
      .map(({ seq, netWork, list }) => ({
        seq,
        netWork,
        windowWork: list.trueWork.sum(),
        credits: [...list].map(({ account, feeClass, creditedWork }) => ({
          account: String(account),
          feeClass,
          credited: creditedWork,
        })),
      }));
  return { works, source, newestFirst };
}

describe("a window from checkpoints", () => {
  it.each([3, 4])("gives the same credits as all its slices (seed %i)", async (seed) => {
    const { works, source, newestFirst } = simulatedSlices(seed, 4_700);
    const random = new Prng(seed);
    for (let block = 0; block < 8; block++) {
      const below = random.between(1, 4_700);
      const n = { num: BigInt(random.between(1, 200)), den: BigInt(random.between(1, 3)) };
      const blockHash = Uint8Array.from({ length: 32 }, () => random.below(256));
      const reward = BigInt(random.between(1, 2 ** 31));
      const accountKey = (account: string) => Buffer.from(account);
      const classes = (feeClass: number) => ({
        feePpm: 20_000n - 10_000n * BigInt(feeClass),
        donationPpm: 0n,
      });
      const definition = settleSlices(newestFirst(below), { n, blockHash, reward, accountKey, classes });

      const window = windowOf(newestFirst(below), n);
      expect(window).toEqual(definition.window);
      const weights = windowWeights(window, await readWindow(window, source), (nbits) => works.get(nbits)!);
      const allocation = allocate(
        reward,
        weights.map((ofClass) => ({
          ...ofClass,
          ...classes(ofClass.feeClass),
          accountKey: (index) => accountKey(String(ofClass.accounts[index]!)),
        })),
        blockHash,
      );
      const credits = allocation.classes.flatMap(({ feeClass, net }, at) =>
        [...weights[at]!.accounts].map((account, index) => ({
          account: String(account),
          feeClass,
          net: net[index]!,
          donation: 0n,
        })),
      );
      const byName = (a: { account: string; feeClass: number }, b: { account: string; feeClass: number }) =>
        a.feeClass - b.feeClass || (a.account < b.account ? -1 : 1);
      expect(credits.sort(byName)).toEqual([...definition.credits].sort(byName));
      expect(allocation.fee).toBe(definition.fee);
    }
  });
});
