import { DependencyError, FailureLog, type Logger, waitFor } from "@lode/ports";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "./virtual-clock.ts";

function setUp() {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const level = (name: string) => (fields: object, message: string) =>
    void lines.push(`${name} ${message} ${JSON.stringify(fields)}`);
  const logger: Logger = {
    debug: level("debug"),
    info: level("info"),
    warn: level("warn"),
    error: level("error"),
  };
  return { clock, lines, log: new FailureLog({ logger, clock }) };
}

describe("the log of a failure that repeats", () => {
  it("has the first at once, then a count a minute, then the end", () => {
    const { clock, lines, log } = setUp();
    for (let second = 0; second < 150; second++) {
      log.failed("the node is away", { node: "a" });
      clock.advance(1_000);
    }
    log.worked("the node is back");
    expect(lines).toEqual([
      'warn the node is away {"node":"a"}',
      'warn the node is away {"node":"a","failures":59}',
      'warn the node is away {"node":"a","failures":60}',
      'info the node is back {"failures":150,"seconds":150}',
    ]);
    clock.advance(600_000);
    expect([lines.length, clock.pendingTimers]).toEqual([4, 0]);
    log.failed("the node is away");
    expect(lines).toHaveLength(5);
  });

  it("has each new cause at once, and no more than a few of them", () => {
    const { clock, lines, log } = setUp();
    for (let cause = 0; cause < 100; cause++) log.failed(`cause ${cause}`);
    expect(lines).toHaveLength(8);
    clock.advance(60_000);
    expect(lines.slice(8)).toEqual(['warn cause 99 {"failures":92}']);
  });

  it("stays short where failure and success take turns", () => {
    const { clock, lines, log } = setUp();
    for (let second = 0; second < 300; second++) {
      if (second % 2 === 0) log.failed("away");
      else log.worked("back");
      clock.advance(1_000);
    }
    clock.advance(60_000);
    expect(lines.length).toBeLessThanOrEqual(12);
    expect(lines.at(-1)).toMatch(/^info back/);
  });

  it("says nothing of what works", () => {
    const { lines, log } = setUp();
    log.worked("back");
    expect(lines).toEqual([]);
  });
});

describe("waiting for something outside", () => {
  const away = () => new DependencyError({ code: "unreachable", temporary: true }, "the node is away");

  it("tries until it is there, without bound", async () => {
    const { clock, lines, log } = setUp();
    let there = false;
    const attempt = async () => {
      if (!there) throw away();
      return 7;
    };
    const waited = waitFor(attempt, { clock, log, ready: "the node is there" });
    await clock.advanceAsync(7_200_000);
    there = true;
    await clock.advanceAsync(6_000);
    expect(await waited).toBe(7);
    expect(lines[0]).toBe("warn waiting: the node is away {}");
    expect(lines.length).toBeLessThan(125);
    expect(lines.at(-1)).toMatch(/^info the node is there/);
  });

  it("ends at once with what a person has to change, at the bound, and when it is told to", async () => {
    const { clock, log } = setUp();
    const wrong = new DependencyError({ code: "wrong-chain", temporary: false }, "the node is on signet");
    const fail = (error: Error) => async () => {
      throw error;
    };
    await expect(waitFor(fail(wrong), { clock, log, ready: "" })).rejects.toBe(wrong);
    const error = away();
    const bounded = expect(waitFor(fail(error), { clock, log, ready: "", withinMs: 3_000 })).rejects.toBe(
      error,
    );
    await clock.advanceAsync(4_000);
    await bounded;
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = expect(waitFor(fail(error), { clock, log, ready: "", signal })).rejects.toThrow("stop");
    await clock.advanceAsync(1_000);
    controller.abort(new Error("stop"));
    await aborted;
  });
});
