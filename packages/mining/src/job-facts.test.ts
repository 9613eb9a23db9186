import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { creditedWork, type JobFacts } from "./job-facts.ts";

const facts = (kind: JobFacts["kind"], value: bigint, referenceValue: bigint): JobFacts => ({
  kind,
  prevHash: new Uint8Array(32),
  height: 1,
  nbits: 0x207f_ffff,
  value,
  referenceValue,
  templateFees: 0n,
});

describe("creditedWork", () => {
  it("is all of a pool job's work and none of a solo job's", () => {
    expect(creditedWork(1_000n, facts("pool", 0n, 5n))).toBe(1_000n);
    expect(creditedWork(1_000n, facts("solo", 5n, 5n))).toBe(0n);
  });

  it("is floor(work * min(V, V_ref) / V_ref) of a custom job's", () => {
    const amount = fc.bigInt({ min: 1n, max: 21_000_000n * 100_000_000n });
    const work = fc.bigInt({ min: 1n, max: (1n << 128n) - 1n });
    fc.assert(
      fc.property(work, amount, amount, (work, value, reference) => {
        const credited = creditedWork(work, facts("custom", value, reference));
        const capped = value < reference ? value : reference;
        expect(credited * reference <= work * capped && (credited + 1n) * reference > work * capped).toBe(
          true,
        );
      }),
    );
    expect(creditedWork(7n, facts("custom", 0n, 0n))).toBe(7n);
  });
});
