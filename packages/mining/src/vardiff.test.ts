import { describe, expect, it } from "vitest";
import { mine, quantile, settlingTime, timeWithin } from "../test/simulated-miner.ts";
import { Vardiff } from "./index.ts";

const SEEDS = Array.from({ length: 60 }, (_, index) => index * 7919 + 1);
const HOUR = 3_600;

describe("vardiff against simulated miners at 6 shares a minute", () => {
  // Seconds to within 1.5 of the right target: median / 9 in 10, with room; docs/vardiff.md has the figures. Half a
  // megahash asks a miner two million times too slow for a share; five petahash floods the first target.
  it.each([
    ["0.5 MH/s", 5e5, 180, 360],
    ["1 GH/s", 1e9, 120, 300],
    ["100 GH/s", 1e11, 80, 300],
    ["1 TH/s", 1e12, 1, 1],
    ["10 TH/s", 1e13, 40, 300],
    ["100 TH/s", 1e14, 60, 300],
    ["5 PH/s", 5e15, 60, 900],
  ])("finds %s behind a claim of 1 TH/s in minutes", (_, hashrate, median, nine) => {
    const runs = SEEDS.map((seed) => mine({ seed, nominal: 1e12, hashrate: () => hashrate, seconds: 1_200 }));
    const times = runs.map((run) => settlingTime(run, 1.5));
    expect(quantile(times, 0.5)).toBeLessThan(median);
    expect(quantile(times, 0.9)).toBeLessThan(nine);
    // Within a factor of 2 it is there in every run, and without a storm of new targets.
    expect(Math.max(...runs.map((run) => settlingTime(run, 2)))).toBeLessThan(420);
    expect(Math.max(...runs.map((run) => run.retargets.length))).toBeLessThan(40);
  });

  it("cuts a flood within a few shares: the first new target comes after four", () => {
    for (const seed of SEEDS) {
      const run = mine({ seed, nominal: 1e12, hashrate: () => 5e15, seconds: 20 });
      expect(run.retargets[0]).toBeLessThan(0.05);
      expect(run.shares).toBeLessThan(1_500);
    }
  });

  it("holds still for a steady miner", () => {
    const runs = SEEDS.slice(0, 20).map((seed) =>
      mine({ seed, nominal: 1e12, hashrate: () => 1e12, seconds: 8 * HOUR }),
    );
    const within = (factor: number) =>
      runs.reduce((sum, run) => sum + timeWithin(run, factor, 600), 0) / runs.length;
    expect(within(1.5)).toBeGreaterThan(0.99);
    expect(within(2)).toBeGreaterThan(0.997);
    const retargets = runs.reduce((sum, run) => sum + run.retargets.filter((time) => time > 600).length, 0);
    expect(retargets / runs.length / (8 - 1 / 6)).toBeLessThan(1);
  });

  it.each([
    ["loses nine boards of ten", 0.1, 300, 450],
    ["loses two thirds", 1 / 3, 420, 750],
    ["doubles", 2, 150, 400],
    ["grows tenfold", 10, 90, 240],
  ])("follows a miner that %s", (_, factor, median, nine) => {
    const hashrate = (seconds: number) => (seconds < HOUR ? 1e12 : factor * 1e12);
    const runs = SEEDS.map((seed) => mine({ seed, nominal: 1e12, hashrate, seconds: 2 * HOUR }));
    const times = runs.map((run) => settlingTime(run, 2, HOUR));
    expect(quantile(times, 0.5)).toBeLessThan(median);
    expect(quantile(times, 0.9)).toBeLessThan(nine);
  });

  it("does the same at other rates of shares", () => {
    for (const sharesPerMinute of [2, 30, 120]) {
      const runs = SEEDS.slice(0, 20).map((seed) =>
        mine({ seed, nominal: 1e12, hashrate: () => 2e13, seconds: HOUR, sharesPerMinute }),
      );
      const minutes = runs.map((run) => (settlingTime(run, 2) * sharesPerMinute) / 6 / 60);
      expect(quantile(minutes, 0.9)).toBeLessThan(6);
      expect(
        quantile(
          runs.map((run) => timeWithin(run, 2, HOUR / 2)),
          0.1,
        ),
      ).toBeGreaterThan(0.9);
    }
  });
});

describe("vardiff", () => {
  it("lowers by the timer alone, down to its floor, and stops there", () => {
    const vardiff = new Vardiff(1e12, 1e6);
    vardiff.bind(1e13, 0);
    let changes = 0;
    for (let seconds = 10; seconds <= HOUR; seconds += 10) {
      if (!vardiff.onTimer(seconds * 1000)) continue;
      changes++;
      vardiff.bind(vardiff.assumedHashrate * 10, seconds * 1000);
    }
    expect(vardiff.assumedHashrate).toBe(1e6);
    expect(changes).toBeLessThan(40);
    // Hours of silence weigh no more than minutes: the first shares are believed.
    const raised = Array.from({ length: 40 }, (_, n) => vardiff.onAcceptedShare(HOUR * 1000 + n * 50));
    expect(raised.filter(Boolean).length).toBeGreaterThan(0);
    expect(vardiff.assumedHashrate).toBeGreaterThan(1e8);
  });

  it("is patient with a miner that had shares and falls silent", () => {
    const vardiff = new Vardiff(1e12, 1e6);
    vardiff.bind(1e13, 0);
    for (let n = 1; n <= 60; n++) vardiff.onAcceptedShare(n * 10_000);
    const shown = vardiff.assumedHashrate;
    let changes = 0;
    const silent = (hours: number) => {
      for (let seconds = 600; seconds < 600 + hours * HOUR; seconds += 5) {
        if (!vardiff.onTimer(seconds * 1000)) continue;
        changes++;
        vardiff.bind(vardiff.assumedHashrate * 10, seconds * 1000);
      }
      return shown / vardiff.assumedHashrate;
    };
    const quarterHour = silent(0.25);
    expect(quarterHour).toBeGreaterThan(8);
    expect(quarterHour).toBeLessThan(25);
    const fourHours = silent(4);
    expect(fourHours / quarterHour).toBeGreaterThan(8);
    expect(fourHours / quarterHour).toBeLessThan(25);
    expect(changes).toBeLessThan(25);
  });

  it("lowers all the way for a miner that fell silent and comes back slower, as soon as it has shares", () => {
    const vardiff = new Vardiff(1e12, 1e6);
    vardiff.bind(1e13, 0);
    for (let n = 1; n <= 60; n++) vardiff.onAcceptedShare(n * 10_000);
    for (let seconds = 600; seconds < 2 * HOUR; seconds += 5) {
      // A thousandth of before: a share comes when a thousandth of the expected hashes of before are due.
      const share = seconds % 300 === 0 && vardiff.onAcceptedShare(seconds * 1000);
      if (share || vardiff.onTimer(seconds * 1000))
        vardiff.bind(vardiff.assumedHashrate * 10, seconds * 1000);
    }
    expect(vardiff.assumedHashrate).toBeLessThan(1e12 / 16 / 4);
  });

  it("takes a stalled process or a clock that goes back for nothing the miner did", () => {
    const vardiff = new Vardiff(1e12, 1e6);
    vardiff.bind(1e13, 0);
    // 40 shares in 400 s, as they should be.
    for (let n = 1; n <= 40; n++) vardiff.onAcceptedShare(n * 10_000);
    const before = vardiff.assumedHashrate;
    expect(vardiff.onTimer(400_000 + 86_400_000)).toBe(false);
    expect(vardiff.onTimer(0)).toBe(false);
    expect(vardiff.assumedHashrate).toBe(before);
  });

  it("counts no time while no target is in force", () => {
    const vardiff = new Vardiff(1e12, 1e6);
    expect(vardiff.onTimer(50_000)).toBe(false);
    expect(vardiff.hashrate).toBe(1e12);
  });

  it("estimates rightly under a target that is not its own", () => {
    // The network's target gives 60 shares a minute instead of 6; they come just so.
    const vardiff = new Vardiff(1e12, 1e6);
    vardiff.bind(1e12, 0);
    const changes = Array.from({ length: 500 }, (_, n) => vardiff.onAcceptedShare((n + 1) * 1000));
    expect(changes.filter(Boolean)).toEqual([]);
    expect(vardiff.hashrate / 1e12).toBeCloseTo(1, 1);
  });

  it("stays finite for any claim", () => {
    for (const claim of [0, Number.MIN_VALUE, 3.4e38]) {
      const vardiff = new Vardiff(claim, 1e-300);
      vardiff.bind(1e70, 0);
      for (let n = 1; n < 200; n++)
        n % 3 === 0 ? vardiff.onTimer(n * 5_000) : vardiff.onAcceptedShare(n * 5_000);
      expect(Number.isFinite(vardiff.assumedHashrate) && vardiff.assumedHashrate > 0).toBe(true);
      expect(Number.isFinite(vardiff.hashrate)).toBe(true);
    }
  });
});
