import { VirtualClock } from "@lode/testing/clock";
import { describe, expect, it } from "vitest";
import { READ_SLICE, ReadQueue } from "./read-queue.ts";

function setUp() {
  const turns: (() => void)[] = [];
  const time = new VirtualClock();
  const clock = {
    ...time,
    monotonic: () => time.monotonic(),
    soon: (turn: () => void) => void turns.push(turn),
  };
  const queue = ReadQueue.of(clock as unknown as VirtualClock);
  const log: string[] = [];
  /** Somebody has so many slices at hand, each of which takes this long. */
  const add = (name: string, slices: number, ms = 0): boolean => {
    const readOn = () => {
      log.push(name);
      time.advance(ms);
      return --slices > 0;
    };
    return queue.add({ readOn });
  };
  return { queue, turns, log, add };
}

describe("reading what came together", () => {
  it("gives every connection a slice in turn, and everything its end", () => {
    const { turns, log, add } = setUp();
    for (const [name, slices] of [
      ["a", 3],
      ["b", 1],
      ["c", 2],
    ] as const)
      add(name, slices);
    while (turns.length > 0) turns.shift()!();
    expect(log.join("")).toBe("abcaca");
  });

  it("takes some slices in a turn and fewer where they take long, and one turn at a time", () => {
    const { turns, log, add } = setUp();
    add("a", 100);
    add("b", 100);
    expect(turns.length).toBe(1);
    turns.shift()!();
    expect(log.length * READ_SLICE).toBe(16_384);
    expect(turns.length).toBe(1);
    log.length = 0;
    add("slow", 100, 5);
    turns.shift()!();
    expect(log.join("")).toBe("abslow");
    expect(turns.length).toBe(1);
  });

  it("schedules a turn when one comes that finds the queue empty, also from within the last slice", () => {
    const { queue, turns, log, add } = setUp();
    const readOn = () => {
      add("late", 1);
      return false;
    };
    queue.add({ readOn });
    turns.shift()!();
    while (turns.length > 0) turns.shift()!();
    add("again", 1);
    while (turns.length > 0) turns.shift()!();
    expect(log).toEqual(["late", "again"]);
  });

  it("has a bound: who comes then is read at once", () => {
    const { turns, add } = setUp();
    for (let waiting = 0; waiting < 4_096; waiting++) expect(add("a", 2)).toBe(true);
    expect(add("b", 1)).toBe(false);
    while (turns.length > 0) turns.shift()!();
    expect(add("b", 1)).toBe(true);
  });
});
