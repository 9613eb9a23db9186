import { describe, expect, it } from "vitest";
import { seededRandom } from "./random.ts";
import { VirtualClock, VirtualClockError } from "./virtual-clock.ts";

describe("virtual clock", () => {
  it("stands still until it is advanced", () => {
    const clock = new VirtualClock(1000);
    let ran = 0;
    clock.after(10, () => ran++);
    expect([clock.now(), clock.monotonic(), ran]).toEqual([1000, 0, 0]);
    clock.advance(9);
    expect(ran).toBe(0);
    clock.advance(1);
    expect([clock.now(), clock.monotonic(), ran]).toEqual([1010, 10, 1]);
  });

  it("runs timers by due time, then by creation, each at its own time", () => {
    const clock = new VirtualClock(0);
    const log: string[] = [];
    const note = (name: string) => () => log.push(`${name}@${clock.now()}`);
    for (const [name, ms] of [
      ["a", 5],
      ["b", 3],
      ["c", 5],
      ["d", 1],
    ] as const)
      clock.after(ms, note(name));
    clock.every(2, note("p"));
    clock.advance(5);
    expect(log).toEqual(["d@1", "p@2", "b@3", "p@4", "a@5", "c@5"]);
  });

  it("runs soon callbacks before time moves, and those they add", () => {
    const clock = new VirtualClock(0);
    const log: string[] = [];
    clock.after(1, () => log.push("timer"));
    clock.soon(() => {
      log.push("soon");
      clock.soon(() => log.push("soon again"));
    });
    clock.advance(1);
    expect(log).toEqual(["soon", "soon again", "timer"]);
  });

  it("never runs a cancelled timer, not even one cancelled at the same instant or by itself", () => {
    const clock = new VirtualClock();
    let ran = 0;
    const later = clock.after(5, () => ran++);
    clock.after(5 - 1, () => later.cancel());
    const periodic = clock.every(1, () => {
      ran++;
      periodic.cancel();
    });
    clock.advance(100);
    expect([ran, clock.pendingTimers]).toEqual([1, 0]);
  });

  it("keeps order with thousands of timers", () => {
    const clock = new VirtualClock(0);
    const random = seededRandom(7);
    const seen: number[] = [];
    for (let i = 0; i < 3000; i++) {
      const ms = random(1)[0]! * 256 + random(1)[0]!;
      clock.after(ms, () => seen.push(ms));
    }
    clock.runUntilIdle();
    expect(seen).toHaveLength(3000);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  it("is idle when only periodic timers are left, and stops at the limit", () => {
    const clock = new VirtualClock();
    let ticks = 0;
    clock.every(10, () => ticks++);
    clock.after(35, () => {});
    expect(clock.runUntilIdle()).toBe(35);
    expect(ticks).toBe(3);
    clock.after(1000, () => {});
    expect(clock.runUntilIdle(500)).toBe(0);
  });

  it("lets promises settle between callbacks when advanced asynchronously", async () => {
    const clock = new VirtualClock(0);
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
    let finished = -1;
    const work = (async () => {
      await sleep(10);
      await sleep(10);
      finished = clock.now();
    })();
    await clock.advanceAsync(25);
    await work;
    expect([finished, clock.now()]).toEqual([20, 25]);
  });

  it("steps the wall clock without touching timers", () => {
    const clock = new VirtualClock(0);
    let ran = 0;
    clock.after(10, () => ran++);
    clock.stepWallClock(-5000);
    clock.advance(10);
    expect([clock.now(), clock.monotonic(), ran]).toEqual([-4990, 10, 1]);
  });

  it("reports a livelock instead of hanging", () => {
    const clock = new VirtualClock();
    const again = () => clock.soon(again);
    again();
    expect(() => clock.advance(1)).toThrow(VirtualClockError);
  });
});

describe("seeded random", () => {
  it("repeats itself for the same seed and differs for another", () => {
    const [first, second, other] = [seededRandom(1), seededRandom(1), seededRandom(2)];
    const bytes = first(64);
    expect(second(64)).toEqual(bytes);
    expect(other(64)).not.toEqual(bytes);
    expect(first(64)).not.toEqual(bytes);
    expect(new Set(seededRandom(3)(4096)).size).toBe(256);
  });
});
