import { performance } from "node:perf_hooks";
import type { Native } from "@lode/native";
import type { Clock, Logger, Random } from "@lode/ports";
import { miningServerMaxLength } from "@lode/roles";
import { dial } from "@lode/transport";
import { type LoadReport, LoadTally } from "./load-report.ts";
import { ShareStream } from "./share-stream.ts";

/** Where load goes, and how much of it may be under way. */
export interface LoadTarget {
  readonly host: string;
  readonly port: number;
  /** x-only key of the pool, 32 bytes; null leaves its certificate unchecked. */
  readonly authorityKey: Uint8Array | null;
  readonly connections: number;
  /** `ADDRESS`, or `ADDRESS.WORKER`; the connection's number is appended. */
  readonly userIdentity: string;
  /** Shares without an answer on one connection. Default 16. */
  readonly window?: number;
  /** Connections being made at a time. Default 32. */
  readonly dialling?: number;
}

/** What {@link startLoad} takes. */
export interface LoadOptions extends LoadTarget {
  readonly native: Native;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Connections that are set up, each with an extended channel and a job, and silent until told otherwise. */
export interface Load {
  /** Sends as fast as the windows allow: the most the server takes. Latency is that of a full queue. */
  saturate(seconds: number): Promise<LoadReport>;
  /**
   * Sends at a fixed rate, whatever the answers do: share k is due at k / rate, and latency counts from there, so a server
   * that stalls is charged with every share that fell due meanwhile.
   */
  pace(seconds: number, sharesPerSecond: number): Promise<LoadReport>;
  /** Resolves when every connection has a job for a tip that came after the call. */
  nextTip(): Promise<void>;
  close(): Promise<void>;
}

const DEFAULT_WINDOW = 16;
const DEFAULT_DIALLING = 32;
const PACE_TICK_MS = 1;
/** How long the last answers may take. */
const SETTLE_MS = 10_000;
const SETTLE_STEP_MS = 5;

/**
 * Connects to a pool over real sockets with real handshakes, and opens a channel on each connection.
 *
 * @throws TransportError, HandshakeError, LoadError when any connection fails; the others are closed
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
  readonly #streams: ShareStream[] = [];
  #lost = 0;
  #awaitingTip = 0;
  #onAllHaveTip: (() => void) | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
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

  nextTip(): Promise<void> {
    this.#awaitingTip = this.#streams.length;
    return new Promise((resolve) => {
      this.#onAllHaveTip = resolve;
    });
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) stream.close();
    await this.#pause(SETTLE_STEP_MS);
  }

  async #add(index: number): Promise<void> {
    const { host, port, authorityKey, native, clock, random, logger, userIdentity } = this.#options;
    const connection = await dial({
      ...{ host, port, authorityKey, native, clock, random, logger },
      maxLength: miningServerMaxLength,
    });
    const stream = new ShareStream({
      connection,
      userIdentity: userIdentity.includes(".") ? `${userIdentity}${index}` : `${userIdentity}.${index}`,
      window: this.#options.window ?? DEFAULT_WINDOW,
      clock,
      logger,
      onTip: () => this.#onTip(),
      onEnd: () => {
        this.#lost++;
      },
    });
    this.#streams.push(stream);
    await stream.ready;
  }

  #onTip(): void {
    if (this.#awaitingTip === 0) return;
    this.#awaitingTip--;
    if (this.#awaitingTip === 0) this.#onAllHaveTip?.();
  }

  /** @param begin starts the load and returns what ends it */
  async #measure(seconds: number, begin: () => () => void): Promise<LoadReport> {
    const { clock } = this.#options;
    const tally = new LoadTally();
    const lostBefore = this.#lost;
    for (const stream of this.#streams) stream.countInto(tally);
    const cpu = process.cpuUsage();
    const utilization = performance.eventLoopUtilization();
    const started = clock.monotonic();
    const end = begin();
    await this.#pause(seconds * 1000);
    end();
    for (const stream of this.#streams) stream.stop();
    const elapsed = (clock.monotonic() - started) / 1000;
    const used = process.cpuUsage(cpu);
    const busy = performance.eventLoopUtilization(utilization).utilization;
    const unanswered = await this.#settle();
    const { sent, accepted, rejected, skipped, miscounted, lastErrorCode } = tally;
    return {
      ...{ seconds: elapsed, sent, accepted, rejected, unanswered, skipped, miscounted, lastErrorCode, busy },
      lost: this.#lost - lostBefore,
      latency: tally.latency.summary(),
      cpuSeconds: (used.user + used.system) / 1e6,
    };
  }

  /** Waits for the last answers, so that the next stretch begins with empty windows. */
  async #settle(): Promise<number> {
    const { clock } = this.#options;
    const deadline = clock.monotonic() + SETTLE_MS;
    while (this.#streams.some((stream) => stream.unanswered > 0) && clock.monotonic() < deadline) {
      await this.#pause(SETTLE_STEP_MS);
    }
    let unanswered = 0;
    for (const stream of this.#streams) unanswered += stream.forget();
    return unanswered;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(ms, resolve);
    });
  }
}
