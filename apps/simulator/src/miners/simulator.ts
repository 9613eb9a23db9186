import type { Native } from "@lode/native";
import { type Clock, type Logger, noMetrics, type Random, type Timer } from "@lode/ports";
import { miningServerMaxLength } from "@lode/roles";
import { dial, type Endpoint } from "@lode/transport";
import { type CpuMiner, startCpuMiner } from "./cpu-miner.ts";
import {
  channelTrouble,
  connectionTrouble,
  dialTrouble,
  type PoolTrouble,
  shareTrouble,
} from "./pool-trouble.ts";

/** What {@link runSimulator} takes. */
export interface SimulatorOptions {
  /** The pool; `parseEndpointUrl` makes one of `stratum2+tcp://…`. */
  readonly endpoint: Endpoint;
  readonly miners: number;
  /** `ADDRESS` or `ADDRESS.WORKER`; the miner's number, from 1, is appended. */
  readonly userIdentity: string;
  readonly kind: "standard" | "extended";
  /** Rate of each miner, hashes per second. They hash for real: 1,000 miners of 1,000 H/s take about half a core. */
  readonly hashesPerSecond: number;
  readonly native: Native;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Called about once a second. */
  readonly onStatus?: (status: SimulatorStatus) => void;
  /** Called at once with a sentence about what keeps miners from mining, once for each until all of them mine again. */
  readonly onTrouble?: (sentence: string) => void;
  /** Called when every miner mines, at first and after trouble. */
  readonly onAllMining?: () => void;
}

/** What the miners have come to. */
export interface SimulatorStatus {
  readonly seconds: number;
  readonly miners: number;
  /** Miners that have a channel now. */
  readonly mining: number;
  readonly accepted: number;
  readonly rejected: number;
  /** Connections that ended or were not made. */
  readonly failures: number;
  /** The code of what keeps a miner from mining now; empty when nothing does. */
  readonly lastTrouble: string;
  /** Measured over the last seconds, hashes per second. */
  readonly hashrate: number;
}

/** Running miners. */
export interface Simulator {
  status(): SimulatorStatus;
  /** Hangs up. Returns when no miner will connect again. */
  stop(): Promise<void>;
}

/** Longest user_identity, bytes (STR0_255). */
export const MAX_IDENTITY = 255;

const STATUS_MS = 1_000;
/** Miners start one after another, so that a crowd does not storm the pool. */
const START_INTERVAL_MS = 10;
/** Pause before a miner connects again; doubles, with as much again at random. */
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;

/** Runs simulated miners against a pool until stopped. A miner whose connection ends comes back after a pause. */
export function runSimulator(options: SimulatorOptions): Simulator {
  return new Farm(options);
}

class Farm implements Simulator {
  readonly #options: SimulatorOptions;
  readonly #startedAt: number;
  readonly #running = new Set<CpuMiner>();
  readonly #pauses = new Set<Timer>();
  readonly #dialling = new Set<Promise<void>>();
  readonly #ticker: Timer;
  #stopped = false;
  #accepted = 0;
  #rejected = 0;
  #failures = 0;
  /** What keeps each miner from mining, by its number; the latest last. */
  readonly #troubles = new Map<number, PoolTrouble>();
  readonly #told = new Set<string>();
  #allMining = false;

  constructor(options: SimulatorOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monotonic();
    for (let number = 1; number <= options.miners; number++) {
      this.#after((number - 1) * START_INTERVAL_MS, number, RETRY_MIN_MS);
    }
    this.#ticker = options.clock.every(STATUS_MS, () => {
      options.onStatus?.(this.status());
    });
  }

  status(): SimulatorStatus {
    let hashrate = 0;
    let mining = 0;
    for (const miner of this.#running) {
      hashrate += miner.hashrate;
      if (miner.isOpen) mining++;
    }
    return {
      seconds: (this.#options.clock.monotonic() - this.#startedAt) / 1000,
      miners: this.#options.miners,
      mining,
      accepted: this.#accepted,
      rejected: this.#rejected,
      failures: this.#failures,
      lastTrouble: [...this.#troubles.values()].at(-1)?.code ?? "",
      hashrate,
    };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#ticker.cancel();
    for (const pause of this.#pauses) pause.cancel();
    this.#pauses.clear();
    await Promise.all(this.#dialling);
    for (const miner of this.#running) miner.stop();
    this.#running.clear();
  }

  #after(ms: number, number: number, retryMs: number): void {
    const pause = this.#options.clock.after(ms, () => {
      this.#pauses.delete(pause);
      const dialled = this.#start(number, retryMs).finally(() => this.#dialling.delete(dialled));
      this.#dialling.add(dialled);
    });
    this.#pauses.add(pause);
  }

  /** Never rejects. */
  async #start(number: number, retryMs: number): Promise<void> {
    const { endpoint, kind, hashesPerSecond, native, clock, random, logger } = this.#options;
    const userIdentity = minerIdentity(this.#options.userIdentity, number);
    try {
      const ports = { clock, random, logger };
      const connection = await dial({ ...endpoint, native, ...ports, maxLength: miningServerMaxLength });
      let pause = retryMs;
      const miner = startCpuMiner({
        ...ports,
        connection,
        userIdentity,
        kind,
        hashesPerSecond,
        metrics: noMetrics,
        onOpened: () => this.#onMining(number),
        onAccepted: (count) => {
          this.#accepted += count;
          pause = RETRY_MIN_MS;
          if (this.#troubles.has(number)) this.#onMining(number);
        },
        onRejected: (code) => {
          this.#rejected++;
          this.#onTrouble(number, shareTrouble(code));
        },
        onChannelLost: (what, code) => this.#onTrouble(number, channelTrouble(what, code, userIdentity)),
        onClose: (reason) => {
          this.#running.delete(miner);
          if (!this.#stopped) this.#retry(number, pause, connectionTrouble(reason));
        },
      });
      this.#running.add(miner);
    } catch (error) {
      this.#retry(number, retryMs, dialTrouble(error, endpoint));
    }
  }

  #onMining(number: number): void {
    this.#troubles.delete(number);
    // The channel that has just opened is counted in a moment.
    queueMicrotask(() => {
      if (this.#allMining || this.#troubles.size > 0 || this.status().mining < this.#options.miners) return;
      this.#allMining = true;
      this.#told.clear();
      this.#options.onAllMining?.();
    });
  }

  #onTrouble(number: number, trouble: PoolTrouble): void {
    this.#troubles.delete(number);
    this.#troubles.set(number, trouble);
    this.#allMining = false;
    if (this.#stopped || this.#told.has(trouble.code)) return;
    this.#told.add(trouble.code);
    this.#options.onTrouble?.(trouble.sentence);
  }

  #retry(number: number, retryMs: number, trouble: PoolTrouble): void {
    this.#failures++;
    this.#onTrouble(number, trouble);
    if (this.#stopped) return;
    const jitter = retryMs * (this.#options.random(1)[0]! / 256);
    this.#after(retryMs + jitter, number, Math.min(2 * retryMs, RETRY_MAX_MS));
  }
}

/** What a miner calls itself: the user's name with the miner's number behind it. */
export function minerIdentity(userIdentity: string, number: number): string {
  return `${userIdentity}${userIdentity.includes(".") ? "" : "."}${number}`;
}
