import { describe, expect, it } from "vitest";
import { subsidyAt } from "./subsidy.ts";

describe("subsidyAt", () => {
  it.each([
    [0, "mainnet", 5_000_000_000n],
    [209_999, "mainnet", 5_000_000_000n],
    [210_000, "mainnet", 2_500_000_000n],
    [840_000, "signet", 312_500_000n],
    [6_929_999, "mainnet", 1n],
    [6_930_000, "mainnet", 0n],
    [64 * 210_000, "testnet4", 0n],
    [149, "regtest", 5_000_000_000n],
    [150, "regtest", 2_500_000_000n],
  ] as const)("is at height %i on %s %i sat", (height, network, subsidy) => {
    expect(subsidyAt(height, network)).toBe(subsidy);
  });
});
