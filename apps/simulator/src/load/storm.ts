import { type Clock, CodedError, type Random } from "@lode/ports";
import { LoadError } from "./share-stream.ts";
import { startMeter, type UsedTime } from "./used-time.ts";
import { systemMs } from "./work-watch.ts";

/** What a storm of reconnecting miners came to. */
export interface StormReport {
  /** When the connections were dropped, and when each of those that came back had its job: the system's clock, ms, ascending. */
  readonly droppedAt: number;
  readonly times: readonly number[];
  /** Connections that did not come back in time. */
  readonly missing: number;
  /** Attempts that failed, by reason; each was followed by another one. */
  readonly failures: Readonly<Record<string, number>>;
  /** What the generator's process used. */
  readonly used: UsedTime;
}

/** What {@link runStorm} drives. */
export interface StormDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Hangs up on all connections. */
  readonly dropAll: () => void;
  /**
   * Makes one connection; resolves when it has a job. When `givenUp` aborts, nobody waits for it any more, and nothing of it
   * may stay. @throws DialError, LoadError
   */
  readonly add: (index: number, givenUp: AbortSignal) => Promise<void>;
}

/** Pause before another attempt: so long and up to as much again; doubled each time. */
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 4_000;
const GIVE_UP_MS = 120_000;
/** An attempt that has come to nothing after this long failed; a miner waits no longer either. */
const ATTEMPT_MS = 20_000;

/** Drops all connections and brings each back as miners do: at once, then after growing pauses. */
export async function runStorm(
  connections: number,
  { clock, random, dropAll, add }: StormDeps,
): Promise<StormReport> {
  const failures: Record<string, number> = {};
  const times: number[] = [];
  const meter = startMeter();
  const deadline = clock.monotonic() + GIVE_UP_MS;
  const comeBack = async (index: number): Promise<void> => {
    for (let retryMs = RETRY_MIN_MS; clock.monotonic() < deadline; ) {
      const failure = await attempt(clock, (givenUp) => add(index, givenUp));
      if (failure === undefined) {
        times.push(systemMs());
        return;
      }
      failures[failure] = (failures[failure] ?? 0) + 1;
      const pauseMs = retryMs * (1 + random(1)[0]! / 256);
      await new Promise<void>((resolve) => {
        clock.after(pauseMs, resolve);
      });
      retryMs = Math.min(2 * retryMs, RETRY_MAX_MS);
    }
  };
  dropAll();
  const droppedAt = systemMs();
  await Promise.all(Array.from({ length: connections }, (_, index) => comeBack(index)));
  return { droppedAt, times, failures, missing: connections - times.length, used: meter() };
}

/** Undefined when it succeeded, else why not. Never rejects. */
function attempt(clock: Clock, make: (givenUp: AbortSignal) => Promise<void>): Promise<string | undefined> {
  return new Promise((resolve) => {
    const giveUp = new AbortController();
    const deadline = clock.after(ATTEMPT_MS, () => {
      giveUp.abort();
      resolve("no-answer");
    });
    const end = (failure: string | undefined): void => {
      deadline.cancel();
      resolve(failure);
    };
    make(giveUp.signal).then(
      () => end(undefined),
      (error: unknown) => end(reasonOf(error)),
    );
  });
}

function reasonOf(error: unknown): string {
  if (error instanceof LoadError) return `${error.code}: ${error.type.reason}`;
  return error instanceof CodedError ? String(error.code) : String(error);
}
