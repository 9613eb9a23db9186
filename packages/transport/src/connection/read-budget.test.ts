import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultReadLimits } from "./limits.ts";
import { ReadBudget } from "./read-budget.ts";

/** Does what a connection does with a budget, chunk by chunk. */
class Reader {
  readonly budget: ReadBudget;
  now = 0;
  bytes = 0;
  frames = 0;
  pausedMs = 0;
  settles = 0;
  #readable: number;

  constructor(limits = defaultReadLimits) {
    this.budget = new ReadBudget(limits, 0);
    this.#readable = this.budget.window;
  }

  read(bytes: number, frames: number): void {
    this.bytes += bytes;
    this.frames += frames;
    this.#readable -= bytes;
    if (this.#readable >= 0) return;
    this.settles += 1;
    const pause = this.budget.settle(this.budget.window - this.#readable, this.frames, this.now);
    this.#readable = this.budget.window;
    this.now += pause;
    this.pausedMs += pause;
  }
}

describe("a read budget", () => {
  it("never holds back a proxy whose 10,000 channels open at once and share six times a minute", () => {
    const reader = new Reader();
    for (let i = 0; i < 10_000; i++) reader.read(150, 1);
    for (let ms = 0; ms < 120_000; ms += 10) {
      reader.now += 10;
      reader.read(10 * 90, 10);
    }
    expect(reader.pausedMs).toBe(0);
  });

  it("asks for the clock seldom", () => {
    const reader = new Reader();
    for (let i = 0; i < 100_000; i++) {
      reader.now += 1;
      reader.read(90, 1);
    }
    expect(reader.settles).toBeLessThan(100);
  });

  it("holds a flood of frames to its rate", () => {
    const reader = new Reader();
    for (let i = 0; i < 1_000; i++) reader.read(22 * 1_000, 1_000);
    expect(reader.frames / 1_000_000).toBe(1);
    expect(reader.pausedMs).toBeCloseTo(((1_000_000 - 20_000) / 5_000) * 1_000, -1);
  });

  it("holds a flood of bytes to its rate", () => {
    const reader = new Reader();
    for (let i = 0; i < 1_000; i++) reader.read(65_536, 1);
    expect(reader.pausedMs).toBeCloseTo(((65_536_000 - 8_000_000) / 2_000_000) * 1_000, -1);
  });

  it("lets through no more than burst, rate and one chunk, and no less, whatever comes when", () => {
    const chunk = fc.record({
      wait: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 5_000, noNaN: true })),
      frames: fc.nat(2_900),
      more: fc.nat(40_000),
    });
    const allowance = fc.record({
      burst: fc.integer({ min: 1, max: 100_000 }),
      perSecond: fc.integer({ min: 1, max: 100_000 }),
    });
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 80 }), allowance, allowance, (chunks, bytes, frames) => {
        const reader = new Reader({ bytes, frames });
        // The exact buckets, looked at after every chunk.
        const naive = { bytes: bytes.burst, frames: frames.burst };
        let at = 0;
        for (const { wait, frames: count, more } of chunks) {
          reader.now += wait;
          const size = count * 22 + more;
          const elapsed = (reader.now - at) / 1000;
          at = reader.now;
          naive.bytes = Math.min(bytes.burst, naive.bytes + elapsed * bytes.perSecond) - size;
          naive.frames = Math.min(frames.burst, naive.frames + elapsed * frames.perSecond) - count;
          const before = reader.pausedMs;
          reader.read(size, count);
          const owed = Math.max(0, -naive.bytes / bytes.perSecond, -naive.frames / frames.perSecond) * 1000;
          const paused = reader.pausedMs - before;
          // Looking seldom forgets no debt; it may see a full bucket a little later, never a fuller one.
          expect(paused).toBeGreaterThanOrEqual(owed - 1e-6);
          const late = Math.max(bytes.burst / bytes.perSecond, frames.burst / frames.perSecond) * 1000;
          expect(paused).toBeLessThanOrEqual(owed + late + 1e-6);
        }
      }),
      { numRuns: 150 },
    );
  });
});
