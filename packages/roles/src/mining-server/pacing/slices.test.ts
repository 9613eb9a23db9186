import { VirtualClock } from "@lode/testing/clock";
import { ScriptedPool } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";
import { ClosingQueue } from "./closing-queue.ts";
import { Slices, type Steps } from "./slices.ts";

function setUp(size = 3) {
  const time = new VirtualClock();
  const turns: (() => void)[] = [];
  const clock = { monotonic: () => time.monotonic(), soon: (turn: () => void) => void turns.push(turn) };
  const log: string[] = [];
  function* work(name: string, steps: number, ms = 0): Steps {
    for (let step = 0; step < steps; step++) {
      log.push(name);
      time.advance(ms);
      yield 1;
    }
  }
  const turn = () => {
    log.length = 0;
    turns.shift()?.();
    return log.join("");
  };
  return { clock, turns, log, work, turn, slices: new Slices(clock, size) };
}

describe("work in slices", () => {
  it("goes on in the next turn after so many steps, or so much time, until it is done", () => {
    const { slices, turn, work } = setUp();
    slices.begin(work("a", 5));
    expect([turn(), slices.busy, turn(), slices.busy, turn()]).toEqual(["aaa", true, "aa", false, ""]);
    slices.begin(work("b", 3, 2.5));
    expect([turn(), turn(), turn()]).toEqual(["b", "b", "b"]);
  });

  it("is replaced by other work, and can be cancelled, also from within a step", () => {
    const { slices, turns, turn, work, log } = setUp();
    slices.begin(work("a", 9));
    expect(turn()).toBe("aaa");
    slices.begin(work("b", 4));
    expect([turns.length, turn(), turn()]).toEqual([1, "bbb", "b"]);
    slices.begin(
      (function* (): Steps {
        slices.begin(work("c", 1));
        yield 1;
        log.push("never");
      })(),
    );
    expect([turn(), turn(), turn()]).toEqual(["", "c", ""]);
    slices.begin(work("d", 9));
    expect(turn()).toBe("ddd");
    slices.cancel();
    expect([turn(), slices.busy]).toEqual(["", false]);
  });

  it("that fails is over, and does not keep other work from beginning", () => {
    const { slices, turns, turn, work } = setUp();
    slices.begin({
      next() {
        throw new Error("planted");
      },
    });
    expect(() => turns.shift()!()).toThrow("planted");
    expect(slices.busy).toBe(false);
    slices.begin(work("a", 1));
    expect(turn()).toBe("a");
  });

  it("of many connections that end together is done one after the other, as much in a turn as of one", () => {
    const { clock, turn, work } = setUp();
    const queue = new ClosingQueue(clock);
    for (const name of ["a", "b", "c"]) queue.add(work(name, 200));
    const turns = Array.from({ length: 4 }, turn);
    expect(turns.map(({ length }) => length)).toEqual([256, 256, 88, 0]);
    expect(turns.join("")).toBe("a".repeat(200) + "b".repeat(200) + "c".repeat(200));
  });
});

describe("the end of a connection with thousands of channels", () => {
  it("is seen in the counts at once, and nothing that fails in clearing them away comes out of it", () => {
    const pool = new ScriptedPool();
    const { client } = pool.wire();
    const miner = pool.script(client).setUp();
    for (let opened = 0; opened < 1_500; opened++) {
      miner.openExtended();
      miner.takeNames();
    }
    expect(pool.server.stats().channels).toBe(1_500);
    pool.jobs.factory.build = () => {
      throw new Error("planted");
    };
    client.close("bye");
    pool.clock.settle();
    expect(pool.server.stats().channels).toBe(0);
    // The thousandth prefix that cools down, and each after it, wants a job for its sake.
    expect(pool.complaints.length).toBeGreaterThan(0);
    expect(pool.complaints[0]).toContain("a channel could not be cleared away");
  });
});
