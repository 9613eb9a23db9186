import { type Clock, CodedError, DependencyError, type Logger, systemClock, type Timer } from "@lode/ports";
import { ExitCode, ExitError } from "./exit.ts";

/** `uncaughtException` also stands for rejections that nobody handled. */
export type LifeCycleEvent = "SIGINT" | "SIGTERM" | "uncaughtException";

/** The part of `process` that a life cycle needs. */
export interface ProcessPort {
  on(event: LifeCycleEvent, listener: (cause?: unknown) => void): unknown;
  off(event: LifeCycleEvent, listener: (cause?: unknown) => void): unknown;
  exit(code: number): void;
}

export interface LifeCycleOptions {
  readonly logger: Logger;
  /** A stop that takes longer than this is given up, milliseconds. */
  readonly stopWithinMs: number;
  readonly clock?: Clock;
  readonly process?: ProcessPort;
}

/** Something that runs until it is told to stop, or ends by itself. */
export interface Running {
  /** Resolves with the exit code when the work ends by itself; rejects with what it failed for, once it is to be stopped. */
  readonly ended: Promise<ExitCode>;
  stop(): Promise<void>;
}

/** A terminal and a process manager both signal; what comes this soon after the first is the same wish. */
const SAME_WISH_MS = 1_500;

/**
 * Starts something, runs it until SIGINT, SIGTERM or its own end, and stops it well. Signals within a second and a half of
 * the first are the same wish (npm and a terminal both pass Ctrl-C on); a later one exits at once. So does an error that
 * nobody caught, with 70: the state behind it is unknown, and what was acknowledged is durable.
 *
 * @param start gets a signal that is aborted when the process is to end: a start that waits for something must heed it
 * @returns the exit code
 * @throws what the start or the work failed for
 */
export async function runUntilStopped(
  start: (signal: AbortSignal) => Promise<Running>,
  options: LifeCycleOptions,
): Promise<ExitCode> {
  const { logger, stopWithinMs } = options;
  const clock = options.clock ?? systemClock;
  const host = options.process ?? process;
  let stopRequested: number | null = null;
  let request: () => void = () => {};
  const requested = new Promise<"signal">((resolve) => {
    request = () => resolve("signal");
  });
  const onSignal = () => {
    const now = clock.monotonic();
    if (stopRequested === null) {
      stopRequested = now;
      request();
    } else if (now - stopRequested > SAME_WISH_MS) {
      logger.warn({}, "told to stop again; leaving at once");
      host.exit(ExitCode.failure);
    }
  };
  const onBug = (err: unknown) => {
    logger.error({ err }, "internal error, please report it; leaving at once");
    host.exit(ExitCode.internal);
  };
  host.on("uncaughtException", onBug);
  host.on("SIGINT", onSignal);
  host.on("SIGTERM", onSignal);
  let deadline: Timer | undefined;
  const stopping = new AbortController();
  try {
    const starting = start(stopping.signal);
    const begun = await Promise.race([requested, starting]);
    if (begun === "signal") {
      logger.info({}, "stopping before the start is complete");
      stopping.abort(new ExitError(ExitCode.ok, "told to stop"));
      const abandoned = clock.after(stopWithinMs, () => host.exit(ExitCode.failure));
      await starting.then(
        (running) => running.stop(),
        () => {},
      );
      abandoned.cancel();
      return ExitCode.ok;
    }
    const running = begun;
    const failed = running.ended.catch((error: unknown) => ({ error }));
    const outcome = await Promise.race([requested, failed]);
    if (outcome === "signal") logger.info({}, "stopping");
    let stopped = false;
    const late = new Promise<void>((resolve) => {
      deadline = clock.after(stopWithinMs, resolve);
    });
    await Promise.race([
      running.stop().then(() => {
        stopped = true;
      }),
      late,
    ]);
    if (!stopped) {
      logger.error({ stop_within_ms: stopWithinMs }, "could not stop in time; leaving all the same");
      return ExitCode.failure;
    }
    if (typeof outcome === "object") throw outcome.error;
    return outcome === "signal" ? ExitCode.ok : outcome;
  } finally {
    deadline?.cancel();
    host.off("uncaughtException", onBug);
    host.off("SIGINT", onSignal);
    host.off("SIGTERM", onSignal);
  }
}

/** What the codes that a start may fail with mean to a supervisor. */
const EXIT_CODES: ReadonlyMap<string, ExitCode> = new Map([
  ["invalid-config", ExitCode.config],
  ["invalid-connection", ExitCode.config],
  ["unavailable", ExitCode.unavailable],
  ["listen-failed", ExitCode.unavailable],
]);

/** Exit code and message for what a command threw. Errors with a code are for people; others are bugs, with their stack. */
export function describeFailure(error: unknown): { exitCode: ExitCode; message: string } {
  if (error instanceof ExitError) return { exitCode: error.type.exitCode, message: error.message };
  if (error instanceof DependencyError) {
    return { exitCode: error.temporary ? ExitCode.unavailable : ExitCode.config, message: error.message };
  }
  if (error instanceof CodedError) {
    return { exitCode: EXIT_CODES.get(String(error.code)) ?? ExitCode.failure, message: error.message };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { exitCode: ExitCode.internal, message: `internal error, please report it:\n${text}` };
}
