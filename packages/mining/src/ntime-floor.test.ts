import { VirtualClock } from "@lode/testing/clock";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NtimeFloor } from "./ntime-floor.ts";
import type { Tip } from "./tip.ts";

const HOUR = 3_600;
const tipAt = (headerTimestamp: number) => ({ headerTimestamp }) as Tip;
const seconds = (clock: VirtualClock) => Math.floor(clock.now() / 1000);

describe("min_ntime", () => {
  it("is the tip's header_timestamp while that is young, also one ahead of the clock", () => {
    const clock = new VirtualClock();
    const start = seconds(clock);
    const floor = new NtimeFloor(clock, tipAt(start));
    const ahead = new NtimeFloor(clock, tipAt(start + 2 * HOUR + 300));
    clock.advance(2_000_000);
    expect([floor.value, ahead.value]).toEqual([start, start + 2 * HOUR + 300]);
  });

  it("follows the clock on a tip of hours, and a job that is not made anew becomes outdated", () => {
    const clock = new VirtualClock();
    const start = seconds(clock);
    const floor = new NtimeFloor(clock, tipAt(start));
    for (let hour = 1; hour <= 5; hour++) {
      clock.advance(HOUR * 1000);
      expect(seconds(clock) - floor.value).toBe(2_400);
      expect(floor.isOutdated(start)).toBe(true);
      expect(floor.isOutdated(floor.value)).toBe(false);
    }
  });

  it("of a tip that came old is within an hour of the clock at once", () => {
    const clock = new VirtualClock();
    const floor = new NtimeFloor(clock, tipAt(seconds(clock) - 2.5 * HOUR));
    expect(seconds(clock) - floor.value).toBeLessThan(HOUR);
  });

  it("never leads the source's clock so far that nodes would refuse the block, whatever our own says", () => {
    const clock = new VirtualClock();
    const start = seconds(clock) - 24 * HOUR;
    const floor = new NtimeFloor(clock, tipAt(start));
    clock.advance(HOUR * 1000);
    expect(floor.value - (start + HOUR)).toBe(6_600);
  });

  it("never falls, however clocks step", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -4 * HOUR, max: 4 * HOUR }),
        fc.array(fc.integer({ min: -3 * HOUR, max: 3 * HOUR }), { maxLength: 20 }),
        (age, steps) => {
          const clock = new VirtualClock();
          const floor = new NtimeFloor(clock, tipAt(seconds(clock) - age), seconds(clock) - age + 7);
          let last = seconds(clock) - age + 7;
          for (const step of steps) {
            if (step < 0) clock.stepWallClock(step * 1000);
            else clock.advance(step * 1000);
            expect(floor.value).toBeGreaterThanOrEqual(last);
            last = floor.value;
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
