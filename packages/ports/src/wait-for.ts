import type { Clock, Timer } from "./clock.ts";
import { DependencyError } from "./dependency-error.ts";
import type { FailureLog } from "./failure-log.ts";

/** What {@link waitFor} works with. */
export interface WaitOptions {
  readonly clock: Clock;
  /** Told of each failure, and of the success behind one. */
  readonly log: FailureLog;
  /** What to log when it is there after a wait. */
  readonly ready: string;
  /** The wait ends with the last failure after this long, milliseconds; 0 or absent: never. */
  readonly withinMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Told what is waited for, and null when the wait is over. */
  readonly onWait?: ((sentence: string | null) => void) | undefined;
}

const PAUSE_MIN_MS = 250;
const PAUSE_MAX_MS = 5_000;

/**
 * Tries until it works, for as long as what fails is a {@link DependencyError} that may pass. Other errors end it at once.
 *
 * @throws what `attempt` throws; the signal's reason
 */
export async function waitFor<T>(attempt: () => Promise<T>, options: WaitOptions): Promise<T> {
  const { clock, log, ready, withinMs = 0, signal } = options;
  const start = clock.monotonic();
  const onWait = options.onWait ?? (() => {});
  for (let pause = PAUSE_MIN_MS; ; pause = Math.min(pause * 2, PAUSE_MAX_MS)) {
    signal?.throwIfAborted();
    try {
      const result = await attempt();
      onWait(null);
      log.worked(ready);
      return result;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof DependencyError) || !error.temporary) throw error;
      const waited = clock.monotonic() - start;
      if (withinMs > 0 && waited + pause > withinMs) throw error;
      log.failed(`waiting: ${error.message}`);
      onWait(error.message);
    }
    await sleep(clock, pause, signal);
  }
}

function sleep(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      timer.cancel();
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer: Timer = clock.after(ms, wake);
    signal?.addEventListener("abort", wake, { once: true });
  });
}
