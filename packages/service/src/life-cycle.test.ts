import { CodedError, DependencyError, silentLogger } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { describe, expect, it } from "vitest";
import { ExitCode, ExitError, explainSystemError } from "./exit.ts";
import { describeFailure, type Running, runUntilStopped } from "./life-cycle.ts";

function setUp(running: Partial<Running> = {}) {
  const clock = new VirtualClock();
  const listeners = new Map<string, (cause?: unknown) => void>();
  const exits: number[] = [];
  const stops: number[] = [];
  let finishStop: () => void = () => {};
  const exitCode = runUntilStopped(
    async () => ({
      ended: new Promise<ExitCode>(() => {}),
      stop: () => {
        stops.push(clock.monotonic());
        return new Promise<void>((resolve) => {
          finishStop = resolve;
        });
      },
      ...running,
    }),
    {
      logger: silentLogger,
      stopWithinMs: 30_000,
      clock,
      process: {
        on: (event, listener) => listeners.set(event, listener),
        off: (event) => listeners.delete(event),
        exit: (code) => exits.push(code),
      },
    },
  );
  const signal = async () => {
    listeners.get("SIGTERM")?.();
    await clock.advanceAsync(0);
  };
  const bug = (error: unknown) => listeners.get("uncaughtException")?.(error);
  return { bug, clock, exitCode, exits, stops, signal, finishStop: () => finishStop(), listeners };
}

describe("runUntilStopped", () => {
  it("stops once on a signal and ends with 0", async () => {
    const run = setUp();
    await run.clock.advanceAsync(10);
    await run.signal();
    expect(run.stops).toHaveLength(1);
    run.finishStop();
    expect(await run.exitCode).toBe(ExitCode.ok);
    expect(run.listeners.size).toBe(0);
    expect(run.clock.pendingTimers).toBe(0);
  });

  it("takes a second signal right after the first for the same wish", async () => {
    const run = setUp();
    await run.clock.advanceAsync(10);
    await run.signal();
    await run.clock.advanceAsync(800);
    await run.signal();
    expect(run.exits).toEqual([]);
    run.finishStop();
    expect(await run.exitCode).toBe(ExitCode.ok);
  });

  it("leaves at once when told again later", async () => {
    const run = setUp();
    await run.clock.advanceAsync(10);
    await run.signal();
    await run.clock.advanceAsync(3_000);
    await run.signal();
    expect(run.exits).toEqual([ExitCode.failure]);
    run.finishStop();
    await run.exitCode;
  });

  it("leaves at once with 70 when an error was caught by nobody", async () => {
    const run = setUp();
    await run.clock.advanceAsync(10);
    run.bug(new TypeError("oops"));
    expect(run.exits).toEqual([ExitCode.internal]);
    await run.signal();
    run.finishStop();
    await run.exitCode;
  });

  it("gives a stop that hangs up after its time", async () => {
    const run = setUp();
    await run.clock.advanceAsync(10);
    await run.signal();
    await run.clock.advanceAsync(30_000);
    expect(await run.exitCode).toBe(ExitCode.failure);
  });

  it("stops work that failed, then passes on why", async () => {
    let stopped = false;
    const run = setUp({
      ended: Promise.reject(new ExitError(ExitCode.config, "wrong network")),
      stop: async () => {
        stopped = true;
      },
    });
    await expect(run.exitCode).rejects.toThrow("wrong network");
    expect(stopped).toBe(true);
  });

  it("passes on the exit code of work that ends by itself, after stopping it", async () => {
    let stopped = false;
    const run = setUp({
      ended: Promise.resolve(ExitCode.internal),
      stop: async () => {
        stopped = true;
      },
    });
    expect(await run.exitCode).toBe(ExitCode.internal);
    expect(stopped).toBe(true);
  });
});

describe("a start that waits", () => {
  it("is told to end by a signal, and the process ends with 0", async () => {
    const clock = new VirtualClock();
    const listeners = new Map<string, () => void>();
    const exitCode = runUntilStopped(
      (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      {
        logger: silentLogger,
        stopWithinMs: 30_000,
        clock,
        process: {
          on: (event, listener) => listeners.set(event, listener),
          off: (event) => listeners.delete(event),
          exit: () => {},
        },
      },
    );
    await clock.advanceAsync(10);
    listeners.get("SIGTERM")?.();
    expect(await exitCode).toBe(ExitCode.ok);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("failures", () => {
  it("have an exit code and a message for people", () => {
    expect(describeFailure(new ExitError(ExitCode.config, "fix it"))).toEqual({
      exitCode: 78,
      message: "fix it",
    });
    expect(describeFailure(new CodedError({ code: "x" } as const, "what happened"))).toEqual({
      exitCode: 1,
      message: "what happened",
    });
    expect(describeFailure(new TypeError("oops"))).toMatchObject({
      exitCode: 70,
      message: expect.stringContaining("TypeError: oops"),
    });
  });

  it("of something outside end with 69 where it may pass, with 78 where a person has to act", () => {
    const failure = (temporary: boolean) =>
      describeFailure(new DependencyError({ code: "x", temporary }, "the node is away"));
    expect([failure(true), failure(false)]).toEqual([
      { exitCode: 69, message: "the node is away" },
      { exitCode: 78, message: "the node is away" },
    ]);
  });

  it.each([
    ["invalid-config", 78],
    ["invalid-connection", 78],
    ["unavailable", 69],
    ["listen-failed", 69],
  ])("with the code %s end with exit code %i", (code, exitCode) => {
    expect(describeFailure(new CodedError({ code }, "why")).exitCode).toBe(exitCode);
  });

  it.each([
    ["EADDRINUSE", /cannot listen: the port is in use: .*another port/],
    ["EROFS", /read-only.*choose a directory/],
    ["EACCES", /no permission \/x/],
  ])("explain %s", (code, text) => {
    const error = explainSystemError(Object.assign(new Error(code), { code, path: "/x" }), "listen");
    expect(error).toBeInstanceOf(ExitError);
    expect((error as Error).message).toMatch(text);
  });

  it("pass on what they do not know", () => {
    const error = new Error("x");
    expect(explainSystemError(error, "do it")).toBe(error);
  });
});
