import { DIFF1_TARGET, maxTarget, targetFromHashrate, targetFromNbits, workOfTarget } from "@lode/bitcoin";
import { describe, expect, it } from "vitest";
import { ChannelError, checkClientWishes, targetForHashrate, targetOnTip } from "./target-policy.ts";

const limits = { sharesPerMinute: 6, easiestTarget: maxTarget >> 20n, maxTarget };
const codeOf = (action: () => unknown) => {
  try {
    action();
  } catch (error) {
    return error instanceof ChannelError ? error.code : error;
  }
  return undefined;
};

describe("what a client may ask for", () => {
  it("is any finite rate from 0 up", () => {
    for (const rate of [0, 1e-30, 1e12, 3.4e38])
      expect(codeOf(() => checkClientWishes(rate, maxTarget))).toBeUndefined();
    for (const rate of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1]) {
      expect(codeOf(() => checkClientWishes(rate, maxTarget))).toBe("invalid-nominal-hashrate");
    }
  });

  it("is any maximum target that a hash can meet", () => {
    expect(codeOf(() => checkClientWishes(1, 1n))).toBeUndefined();
    expect(codeOf(() => checkClientWishes(1, 0n))).toBe("max-target-out-of-range");
    expect(codeOf(() => checkClientWishes(1, maxTarget + 1n))).toBe("max-target-out-of-range");
  });
});

describe("the target for a hash rate", () => {
  it("gives the wished shares a minute", () => {
    for (const rate of [1e7, 1e9, 1e12, 1e18]) {
      const work = Number(workOfTarget(targetForHashrate(rate, limits)));
      // From difficulty 8 on it is a whole one, up to that much easier.
      const difficulty = (rate * 10) / 2 ** 32;
      const slack = difficulty < 8 ? 1e-9 : 1 / Math.floor(difficulty);
      expect(work).toBeLessThanOrEqual(rate * 10 * (1 + 1e-6));
      expect(work).toBeGreaterThanOrEqual((rate * 10) / (1 + slack + 1e-6));
    }
  });

  it("is that of a whole difficulty, which firmware finds by dividing doubles and cutting off", () => {
    const seen = new Set<number>();
    for (let rate = 6e9; rate < 5e15; rate *= 1.37) {
      const target = targetForHashrate(rate, limits);
      const difficulty = Number(DIFF1_TARGET) / Number(target);
      const whole = Math.floor(difficulty);
      expect(difficulty - whole).toBeLessThan(1e-6 * whole);
      expect(target * BigInt(whole) <= DIFF1_TARGET).toBe(true);
      seen.add(whole);
    }
    expect(seen.size).toBeGreaterThan(30);
  });

  it("keeps limits to the bit", () => {
    const easiestTarget = DIFF1_TARGET / 7n - 12345n;
    expect(targetForHashrate(1, { ...limits, easiestTarget })).toBe(easiestTarget);
    // Its whole difficulty would be easier than the limit.
    const tight = { ...limits, maxTarget: targetFromHashrate(1e12, 6) };
    expect(targetForHashrate(1e12, tight)).toBe(tight.maxTarget);
    expect(targetForHashrate(1.0001e12, tight) <= tight.maxTarget).toBe(true);
  });

  it("is never easier than the pool's or the client's limit", () => {
    expect(targetForHashrate(0, limits)).toBe(limits.easiestTarget);
    expect(targetForHashrate(0, { ...limits, maxTarget: 12345n })).toBe(12345n);
    expect(targetForHashrate(1e18, { ...limits, maxTarget: 12345n })).toBe(12345n);
  });
});

describe("the target on a tip", () => {
  const mainnet = targetFromNbits(0x1702_1a42);

  it("is the miner's own where that is easier than the network's", () => {
    const target = targetForHashrate(1e14, limits);
    expect(targetOnTip(target, mainnet, limits)).toBe(target);
    expect(targetOnTip(mainnet, mainnet, limits)).toBe(mainnet);
  });

  it("is the network's for a miner that would find more blocks than shares", () => {
    const network = targetFromHashrate(1e9, 1); // a block a minute for 1 GH/s
    const target = targetForHashrate(1e9, limits) >> 8n;
    const sixAMinute = targetFromHashrate(1e9, 6);
    // 1 GH/s wants 6 shares a minute, which is easier; 8 GH/s wants a harder target and gets the network's.
    expect(targetOnTip(sixAMinute, network, limits)).toBe(sixAMinute);
    expect(targetOnTip(targetFromHashrate(8e9, 6), network, limits)).toBe(network);
    expect(target < network).toBe(true);
  });

  it("stays the miner's where the network's would mean more than one share a second, and only there", () => {
    // Work W a share at 6 a minute is W / 10 hashes a second; at network work w that is W / (10 w) shares a second.
    const network = (1n << 240n) - 1n; // work 2^16
    const work = workOfTarget(network);
    const targetOfWork = (hashes: bigint) => (1n << 256n) / hashes - 1n;
    const atOnePerSecond = targetOfWork(10n * work);
    const above = targetOfWork(10n * work + 1n);
    expect(workOfTarget(atOnePerSecond)).toBe(10n * work);
    expect(targetOnTip(atOnePerSecond, network, limits)).toBe(network);
    expect(targetOnTip(above, network, limits)).toBe(above);
    const regtest = targetFromNbits(0x207f_ffff);
    expect(targetOnTip(targetForHashrate(1e6, limits), regtest, limits)).toBe(targetForHashrate(1e6, limits));
  });

  it("follows another wish for shares a minute", () => {
    const network = (1n << 240n) - 1n;
    const target = (1n << 256n) / (100n * workOfTarget(network)) - 1n; // a hundredth of the network's rate of shares
    // At half a share a minute, 100 times that is less than one a second; at 6 a minute it is ten.
    expect(targetOnTip(target, network, { ...limits, sharesPerMinute: 0.5 })).toBe(network);
    expect(targetOnTip(target, network, limits)).toBe(target);
  });

  it("never exceeds what the client asked for, even where that is harder than the network's", () => {
    const network = (1n << 240n) - 1n;
    const strict = { ...limits, maxTarget: network - 1n };
    expect(targetOnTip(network - 1n, network, strict)).toBe(network - 1n);
  });
});
