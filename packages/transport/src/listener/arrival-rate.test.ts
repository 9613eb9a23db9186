import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArrivalRate } from "./arrival-rate.ts";

describe("the rate of arrivals", () => {
  it("lets a farm that lost its line come back at once, and bounds who comes for ever", () => {
    const rate = new ArrivalRate({ burst: 20_000, perSecond: 200 });
    const admitted = (from: number, count: number): number =>
      Array.from({ length: count }, (_, i) => rate.admit("192.0.2.1", from + i / 1_000)).filter(Boolean)
        .length;
    expect(admitted(0, 10_000)).toBe(10_000);
    expect(admitted(60_000, 10_000)).toBe(10_000);
    let flood = 0;
    for (let second = 120; second < 240; second++) flood += admitted(second * 1_000, 1_000);
    expect(flood).toBeLessThan(20_000 + 120 * 200);
    expect(rate.admit("192.0.2.2", 240_000)).toBe(true);
  });

  it("forgets subnets in time, and remembers a bounded number", () => {
    const rate = new ArrivalRate({ burst: 5, perSecond: 1 });
    for (let i = 0; i < 30_000; i++) rate.admit(`subnet ${i}`, 0);
    expect(rate.size).toBe(10_000);
    rate.admit("one more", 1_001);
    expect(rate.size).toBe(1);
  });

  it("admits exactly what burst and rate allow", () => {
    const arrival = fc.record({
      wait: fc.integer({ min: 0, max: 2_000 }),
      subnet: fc.constantFrom("a", "b", "c"),
    });
    fc.assert(
      fc.property(
        fc.array(arrival, { maxLength: 120 }),
        fc.integer({ min: 1, max: 10 }),
        fc.constantFrom(0.5, 1, 4),
        (arrivals, burst, perSecond) => {
          const rate = new ArrivalRate({ burst, perSecond });
          const buckets = new Map<string, number>();
          let now = 0;
          for (const { wait, subnet } of arrivals) {
            now += wait;
            for (const [key, count] of buckets)
              buckets.set(key, Math.max(0, count - (wait / 1000) * perSecond));
            const count = buckets.get(subnet) ?? 0;
            const fits = count + 1 <= burst;
            if (Math.abs(count + 1 - burst) < 1e-9) return; // either answer is right at the edge of a float
            expect(rate.admit(subnet, now)).toBe(fits);
            if (fits) buckets.set(subnet, count + 1);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
