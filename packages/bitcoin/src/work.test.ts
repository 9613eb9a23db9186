import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DIFF1_TARGET, DIFF1_WORK, maxTarget } from "./targets.ts";
import {
  difficultyOfTarget,
  hashrateFromTarget,
  RateError,
  targetFromHashrate,
  workOfTarget,
} from "./work.ts";

describe("work", () => {
  it("is the expected number of hashes, rounded down", () => {
    expect(workOfTarget(maxTarget)).toBe(1n);
    expect(workOfTarget(DIFF1_TARGET)).toBe(DIFF1_WORK);
    expect(workOfTarget(0n)).toBe(1n << 256n);
    expect(workOfTarget((1n << 255n) - 1n)).toBe(2n);
    expect(workOfTarget(1n << 255n)).toBe(1n);
  });
});

describe("targets for a hash rate", () => {
  it("follow (2^256 − h) / (h + 1) with h hashes per share", () => {
    // 10 TH/s at 6 shares a minute: h = 10^14.
    const h = 10n ** 14n;
    expect(targetFromHashrate(1e13, 6)).toBe(((1n << 256n) - h) / (h + 1n));
  });

  it("stay within 1 … 2^256 − 1", () => {
    expect(targetFromHashrate(0, 6)).toBe(maxTarget);
    expect(targetFromHashrate(0.001, 6)).toBe(maxTarget);
    expect(targetFromHashrate(Number.MAX_VALUE, 6)).toBe(1n);
    expect(targetFromHashrate(1e77, 6)).toBe(1n);
  });

  it("ask for the work of the time between two shares", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 1e20, noNaN: true }),
        fc.integer({ min: 1, max: 600 }),
        (rate, spm) => {
          const target = targetFromHashrate(rate, spm);
          const hashes = Math.floor((rate * 60) / spm);
          const work = workOfTarget(target);
          expect(work >= BigInt(hashes) && work <= BigInt(hashes) + 2n + BigInt(hashes) / 10n ** 15n).toBe(
            true,
          );
          if (hashes > 1000) expect(hashrateFromTarget(target, spm) / rate).toBeCloseTo(1, 2);
        },
      ),
    );
  });

  it("refuse rates that are none", () => {
    for (const rate of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
      expect(() => targetFromHashrate(rate, 6)).toThrow(RateError);
    }
    for (const spm of [0, Number.NaN, -1, Number.POSITIVE_INFINITY]) {
      expect(() => targetFromHashrate(1e12, spm)).toThrow(RateError);
    }
    expect(hashrateFromTarget(DIFF1_TARGET, 0)).toBe(0);
    expect(() => hashrateFromTarget(DIFF1_TARGET, -1)).toThrow(RateError);
  });

  it("invert", () => {
    expect(hashrateFromTarget(targetFromHashrate(1e15, 12), 12)).toBeCloseTo(1e15, -2);
    expect(hashrateFromTarget(maxTarget, 60)).toBeLessThan(1e-70);
  });
});

describe("difficulty for display", () => {
  it("is 1 at the difficulty-1 target and 14484.16 in block 100000", () => {
    expect(difficultyOfTarget(DIFF1_TARGET)).toBe(1);
    expect(difficultyOfTarget(0x04864cn << 192n)).toBeCloseTo(14484.162361225399, 9);
  });
});
