import { VirtualClock } from "@lode/testing";
import { describe, expect, it } from "vitest";
import { type LongRead, READ_SLICE, ReadQueue } from "./read-queue.ts";

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
  /** Has so many slices at hand, each of which takes this long. */
  const reader = (name: string, slices: number, ms = 0): LongRead => ({
    readOn() {
      log.push(name);
      time.advance(ms);
      return --slices > 0;
    },
  });
  return { queue, turns, log, reader };
}

describe("reading what came together", () => {
  it("gives every connection a slice in turn, and everything its end", () => {
    const { queue, turns, log, reader } = setUp();
    for (const [name, slices] of [
      ["a", 3],
      ["b", 1],
      ["c", 2],
    ] as const)
      queue.add(reader(name, slices));
    while (turns.length > 0) turns.shift()!();
    expect(log.join("")).toBe("abcaca");
  });

  it("takes some slices in a turn and fewer where they take long, and one turn at a time", () => {
    const { queue, turns, log, reader } = setUp();
    queue.add(reader("a", 100));
    queue.add(reader("b", 100));
    expect(turns.length).toBe(1);
    turns.shift()!();
    expect(log.length * READ_SLICE).toBe(16_384);
    expect(turns.length).toBe(1);
    log.length = 0;
    queue.add(reader("slow", 100, 5));
    turns.shift()!();
    expect(log.join("")).toBe("abslow");
    expect(turns.length).toBe(1);
  });

  it("schedules a turn when one comes that finds the queue empty, also from within the last slice", () => {
    const { queue, turns, log, reader } = setUp();
    const late = reader("late", 1);
    queue.add({ readOn: () => !queue.add(late) });
    turns.shift()!();
    while (turns.length > 0) turns.shift()!();
    queue.add(reader("again", 1));
    while (turns.length > 0) turns.shift()!();
    expect(log).toEqual(["late", "again"]);
  });

  it("has a bound: who comes then is read at once", () => {
    const { queue, turns, reader } = setUp();
    for (let waiting = 0; waiting < 1_024; waiting++) expect(queue.add(reader("a", 1))).toBe(true);
    expect(queue.add(reader("a", 1))).toBe(false);
    while (turns.length > 0) turns.shift()!();
    expect(queue.add(reader("a", 1))).toBe(true);
  });
});
