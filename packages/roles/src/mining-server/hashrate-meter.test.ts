import { describe, expect, it } from "vitest";
import { HashrateMeter } from "./hashrate-meter.ts";

describe("the estimated hash rate", () => {
  it("is the work of the window over its time", () => {
    const rate = new HashrateMeter(5_000, 60_000, 6);
    for (let second = 1; second <= 300; second++) rate.add(100, 5_000 + second * 1_000);
    expect(rate.rate(305_000)).toBeCloseTo(100, -1);
  });

  it("counts the time since the start while the window is not full, one slot at least", () => {
    const rate = new HashrateMeter(0, 60_000, 6);
    rate.add(1_000, 1);
    expect(rate.rate(1)).toBe(100);
    expect(rate.rate(20_000)).toBe(50);
  });

  it("forgets what is older than the window, however long nobody asked", () => {
    const rate = new HashrateMeter(0, 60_000, 6);
    rate.add(1_000, 0);
    rate.add(600, 30_000);
    expect(rate.rate(65_000)).toBeCloseTo(600 / 55);
    expect(rate.rate(95_000)).toBe(0);
    rate.add(60, 1_000_000);
    expect(rate.rate(1_000_000)).toBeCloseTo(60 / 50);
  });
});
