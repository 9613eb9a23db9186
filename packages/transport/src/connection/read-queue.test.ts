import { VirtualClock } from "@lode/testing";
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
      return --slices * READ_SLICE;
    };
    return queue.add({ readOn }, slices * READ_SLICE);
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
      return 0;
    };
    queue.add({ readOn }, 1);
    turns.shift()!();
    while (turns.length > 0) turns.shift()!();
    add("again", 1);
    while (turns.length > 0) turns.shift()!();
    expect(log).toEqual(["late", "again"]);
  });

  it("has a bound, in bytes: what comes then is read at once", () => {
    const { queue, turns, add } = setUp();
    const half = 128 * 1024 * 1024;
    const hasRoomFor = (bytes: number) => queue.add({ readOn: () => 0 }, bytes);
    expect([hasRoomFor(half), add("a", half / READ_SLICE), hasRoomFor(1)]).toEqual([true, true, false]);
    // The first is gone without having been read here, and of the second as much as a turn reads.
    turns.shift()!();
    const read = 7 * READ_SLICE;
    expect([hasRoomFor(half + read + 1), hasRoomFor(half + read), hasRoomFor(1)]).toEqual([
      false,
      true,
      false,
    ]);
  });
});
