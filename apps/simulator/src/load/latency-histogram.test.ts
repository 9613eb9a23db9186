import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LatencyHistogram } from "./latency-histogram.ts";

describe("a latency histogram", () => {
  it("gives every quantile at most a thirtieth too high, and never too low", () => {
    const milliseconds = fc.double({ min: 0.001, max: 60_000, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(milliseconds, { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, part) => {
          const histogram = new LatencyHistogram();
          for (const value of values) histogram.record(value);
          const sorted = [...values].sort((a, b) => a - b);
          const exact = sorted[Math.max(0, Math.ceil(part * values.length) - 1)]!;
          expect(histogram.quantile(part)).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
          expect(histogram.quantile(part)).toBeLessThanOrEqual(exact * (1 + 1 / 30));
        },
      ),
      { numRuns: 200 },
    );
  });

  it("knows the exact maximum, and takes values beyond its ends", () => {
    const histogram = new LatencyHistogram();
    for (const value of [0, 3.25, 1e9]) histogram.record(value);
    expect(histogram.summary()).toMatchObject({ count: 3, max: 1e9 });
    expect(histogram.quantile(0.01)).toBeLessThanOrEqual(0.0011);
  });

  it("is all zeros while empty", () => {
    const empty = { count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };
    expect(new LatencyHistogram().summary()).toEqual(empty);
  });
});
