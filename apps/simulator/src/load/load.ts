import type { Native } from "@lode/native";
import type { Clock, Logger, Random } from "@lode/ports";
import { CrowdDialler, type CrowdEndpoint } from "./crowd-dialler.ts";
import { type LoadReport, LoadTally } from "./load-report.ts";
import { ShareStream } from "./share-stream.ts";
import { runStorm, type StormReport } from "./storm.ts";
import { startMeter } from "./used-time.ts";
import { type Arrivals, WorkWatch } from "./work-watch.ts";

/** Where load goes, and how much of it may be under way. */
export interface LoadTarget extends Omit<CrowdEndpoint, "localAddresses"> {
  readonly connections: number;
  /** `ADDRESS`, or `ADDRESS.WORKER`; the connection's number is appended. */
  readonly userIdentity: string;
  /** Of every channel. Default extended. */
  readonly kind?: "standard" | "extended";
  /** Shares without an answer on one connection. Default 16. */
  readonly window?: number;
  /** Shares that the server answers together, and not before there are so many; fewer may stay open. Default 1. */
  readonly answeredTogether?: number;
  /** Connections being made at a time. Default 32. */
  readonly dialling?: number;
  /** Local addresses to connect from, in turns. Default: as the system chooses. */
  readonly localAddresses?: readonly string[];
}

/** What {@link startLoad} takes. */
export interface LoadOptions extends LoadTarget {
  readonly native: Native;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Connections that are set up, each with a channel and a job, and silent until told otherwise. */
export interface Load {
  /** Sends as fast as the windows allow: the most the server takes. Latency is that of a full queue. */
  saturate(seconds: number): Promise<LoadReport>;
  /**
   * Sends at a fixed rate, whatever the answers do: share k is due at k / rate, and latency counts from there, so a server
   * that stalls is charged with every share that fell due meanwhile.
   */
  pace(seconds: number, sharesPerSecond: number): Promise<LoadReport>;
  /** Resolves when every connection has a job of the template with this stamp, or after a minute. */
  watch(stamp: number): Promise<Arrivals>;
  /** Drops all connections at once; each comes back at once, and again after a pause where that fails. */
  storm(): Promise<StormReport>;
  close(): Promise<void>;
}

const DEFAULT_WINDOW = 16;
const DEFAULT_DIALLING = 32;
const PACE_TICK_MS = 1;
/** How long the last answers may take. */
const SETTLE_MS = 10_000;
const SETTLE_STEP_MS = 5;
const WATCH_MS = 60_000;

/**
 * Connects to a pool over real sockets with real handshakes, and opens a channel on each connection.
 *
 * @throws DialError, LoadError when any connection fails; the others are closed
 */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const crowd = new Crowd(options);
  try {
    await crowd.gather();
  } catch (error) {
    await crowd.close();
    throw error;
  }
  return crowd;
}

class Crowd implements Load {
  readonly #options: LoadOptions;
  readonly #dialler: CrowdDialler;
  readonly #answeredTogether: number;
  /** By the connection's number. */
  readonly #streams: ShareStream[] = [];
  #lost = 0;
  #watch: WorkWatch | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#answeredTogether = options.answeredTogether ?? 1;
    this.#dialler = new CrowdDialler({ localAddresses: [], ...options }, options);
  }

  async gather(): Promise<void> {
    let next = 0;
    const dialOne = async (): Promise<void> => {
      while (next < this.#options.connections) await this.#add(next++);
    };
    await Promise.all(Array.from({ length: this.#options.dialling ?? DEFAULT_DIALLING }, dialOne));
  }

  saturate(seconds: number): Promise<LoadReport> {
    return this.#measure(seconds, () => {
      for (const stream of this.#streams) stream.saturate();
      return () => {};
    });
  }

  pace(seconds: number, sharesPerSecond: number): Promise<LoadReport> {
    const { clock } = this.#options;
    return this.#measure(seconds, () => {
      const start = clock.monotonic();
      const intervalMs = 1000 / sharesPerSecond;
      const total = Math.floor(seconds * sharesPerSecond);
      let due = 0;
      const timer = clock.every(PACE_TICK_MS, () => {
        const now = clock.monotonic();
        for (; due < total && start + due * intervalMs <= now; due++) {
          this.#streams[due % this.#streams.length]!.offer(start + due * intervalMs);
        }
      });
      return () => timer.cancel();
    });
  }

  async watch(stamp: number): Promise<Arrivals> {
    const watch = new WorkWatch(stamp, this.#streams.length);
    this.#watch = watch;
    const deadline = this.#options.clock.after(WATCH_MS, () => watch.end());
    const arrivals = await watch.done;
    deadline.cancel();
    this.#watch = undefined;
    return arrivals;
  }

  storm(): Promise<StormReport> {
    const { clock, random } = this.#options;
    return runStorm(this.#streams.length, {
      clock,
      random,
      dropAll: () => {
        for (const stream of this.#streams) stream.drop();
      },
      add: (index, givenUp) => this.#add(index, givenUp),
    });
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) stream.close();
    await this.#pause(SETTLE_STEP_MS);
  }

  /** @param givenUp when it aborts before the stream is ready, nothing of it stays */
  async #add(index: number, givenUp?: AbortSignal): Promise<void> {
    const { clock, logger, userIdentity } = this.#options;
    const connection = await this.#dialler.dial(index);
    const stream = new ShareStream({
      connection,
      userIdentity: userIdentity.includes(".") ? `${userIdentity}${index}` : `${userIdentity}.${index}`,
      kind: this.#options.kind ?? "extended",
      window: this.#options.window ?? DEFAULT_WINDOW,
      clock,
      logger,
      onWork: (stamp) => this.#watch?.onWork(stamp),
      onEnd: () => {
        this.#lost++;
      },
    });
    const drop = (): void => stream.drop();
    if (givenUp?.aborted === true) drop();
    givenUp?.addEventListener("abort", drop);
    await stream.ready;
    givenUp?.removeEventListener("abort", drop);
    this.#streams[index] = stream;
  }

  /** @param begin starts the load and returns what ends it */
  async #measure(seconds: number, begin: () => () => void): Promise<LoadReport> {
    const tally = new LoadTally();
    const lostBefore = this.#lost;
    for (const stream of this.#streams) stream.countInto(tally);
    const meter = startMeter();
    const end = begin();
    await this.#pause(seconds * 1000);
    end();
    for (const stream of this.#streams) stream.stop();
    const { cpuMs, busyMs, wallMs } = meter();
    const unanswered = await this.#settle();
    const { sent, accepted, rejected, skipped, miscounted, lastErrorCode } = tally;
    return {
      ...{ sent, accepted, rejected, unanswered, skipped, miscounted, lastErrorCode },
      seconds: wallMs / 1000,
      lost: this.#lost - lostBefore,
      latency: tally.latency.summary(),
      cpuSeconds: cpuMs / 1000,
      busy: busyMs / wallMs,
    };
  }

  /** Waits for the last answers, so that the next stretch begins with empty windows, and gives up what is overdue. */
  async #settle(): Promise<number> {
    const { clock } = this.#options;
    const isOverdue = (stream: ShareStream): boolean => stream.unanswered >= this.#answeredTogether;
    const deadline = clock.monotonic() + SETTLE_MS;
    while (this.#streams.some(isOverdue) && clock.monotonic() < deadline) {
      await this.#pause(SETTLE_STEP_MS);
    }
    let unanswered = 0;
    for (const stream of this.#streams) if (isOverdue(stream)) unanswered += stream.forget();
    return unanswered;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(ms, resolve);
    });
  }
}
