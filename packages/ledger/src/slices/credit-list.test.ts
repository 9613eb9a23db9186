import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeCredits, encodeCredits } from "./credit-codec.ts";
import { type CreditEntry, CreditList } from "./credit-list.ts";
import { CreditTotals } from "./credit-totals.ts";
import { EXACT_LIMIT } from "./exact-column.ts";
import { SliceError } from "./slice-error.ts";

const work = fc.oneof(fc.bigInt(1n, 300n), fc.bigInt(1n, 1n << 50n), fc.bigInt(1n, (EXACT_LIMIT >> 8n) - 1n));
const entry: fc.Arbitrary<CreditEntry> = fc
  .record({
    account: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 2 ** 40 - 1 })),
    feeClass: fc.constantFrom(0, 0, 1, 255),
    count: fc.integer({ min: 1, max: 2 ** 30 }),
    trueWork: work,
    part: fc.constantFrom(1n, 1n, 2n, 0n),
  })
  .map(({ part, ...rest }) => ({ ...rest, creditedWork: part === 0n ? 0n : rest.trueWork / part }));
const entries = fc.array(entry, { maxLength: 20 });

/** The same sums in a map of BigInts. */
function sums(lists: readonly (readonly CreditEntry[])[]): Map<string, bigint[]> {
  const result = new Map<string, bigint[]>();
  for (const { account, feeClass, count, trueWork, creditedWork } of lists.flat()) {
    const key = `${account}/${feeClass}`;
    const [n, worked, credited] = result.get(key) ?? [0n, 0n, 0n];
    result.set(key, [n! + BigInt(count), worked! + trueWork, credited! + creditedWork]);
  }
  return result;
}

const plain = (list: CreditList) => sums([[...list]]);

describe("a credit list", () => {
  it("holds exact sums in the order of accounts and classes", () => {
    fc.assert(
      fc.property(entries, (some) => {
        const list = CreditList.of(some);
        expect(plain(list)).toEqual(sums([some]));
        expect([...list.keys]).toEqual([...new Set(list.keys)].sort((a, b) => a - b));
      }),
    );
  });

  it("adds and takes away exactly", () => {
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 6 }), fc.nat(), (lists, take) => {
        const totals = new CreditTotals();
        for (const list of lists) totals.add(CreditList.of(list));
        expect(plain(totals.list)).toEqual(sums(lists));
        if (lists.length === 0) return;
        const gone = take % lists.length;
        totals.add(CreditList.of(lists[gone]!), -1);
        expect(plain(totals.compact())).toEqual(sums(lists.filter((_, at) => at !== gone)));
      }),
    );
  });

  it("refuses to take away what was never added", () => {
    const one = { account: 1, feeClass: 0, count: 1, trueWork: 5n, creditedWork: 5n };
    const totals = new CreditTotals(CreditList.of([one]));
    expect(() => totals.add(CreditList.of([{ ...one, account: 2 }]), -1)).toThrow(RangeError);
    expect(() => totals.add(CreditList.of([{ ...one, trueWork: 6n }]), -1)).toThrow(RangeError);
    expect(() => CreditList.of([{ ...one, trueWork: EXACT_LIMIT }])).toThrow(RangeError);
  });

  it("leaves lists that were added as they are", () => {
    const one = CreditList.of([{ account: 1, feeClass: 0, count: 1, trueWork: 5n, creditedWork: 5n }]);
    const totals = new CreditTotals(one);
    totals.add(one);
    expect(one.entry(0).trueWork).toBe(5n);
    expect(totals.list.entry(0).trueWork).toBe(10n);
  });
});

describe("the bytes of credit lists", () => {
  const sections = fc
    .uniqueArray(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { maxLength: 3 })
    .chain((nbits) =>
      fc.tuple(
        ...nbits.sort((a, b) => a - b).map((n) => entries.map((some) => ({ n, list: CreditList.of(some) }))),
      ),
    )
    .map((list) => list.map(({ n, list: of }) => ({ nbits: n, list: of })));

  it("decode to the same lists", () => {
    fc.assert(
      fc.property(sections, (given) => {
        const bytes = encodeCredits(given);
        const decoded = decodeCredits(bytes);
        expect(decoded.map(({ nbits, list }) => ({ nbits, list: [...list] }))).toEqual(
          given.map(({ nbits, list }) => ({ nbits, list: [...list] })),
        );
        expect(encodeCredits(decoded)).toEqual(bytes);
      }),
    );
  });

  it("are refused when anything was changed, or mean another list that has these very bytes", () => {
    fc.assert(
      fc.property(
        sections,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        (given, at, by, cut) => {
          const bytes = encodeCredits(given);
          const changed = cut ? bytes.slice(0, at % bytes.length) : bytes.slice();
          if (!cut) changed[at % bytes.length]! ^= by;
          let decoded: ReturnType<typeof decodeCredits>;
          try {
            decoded = decodeCredits(changed);
          } catch (error) {
            expect(error).toBeInstanceOf(SliceError);
            return;
          }
          expect(encodeCredits(decoded)).toEqual(changed);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("take ten bytes for a usual entry", () => {
    // One channel an account, 24 shares of a 100 TH/s machine at six a minute.
    const some = Array.from({ length: 10_000 }, (_, at) => {
      const trueWork = 24n * (1_000_000_000_000_000n + BigInt(at));
      return { account: at + 1, feeClass: 0, count: 24, trueWork, creditedWork: trueWork };
    });
    const { length } = encodeCredits([{ nbits: 0x17020684, list: CreditList.of(some) }]);
    expect(length).toBeLessThanOrEqual(10 * some.length + 18);
  });
});
