import type { Native } from "@lode/native";
import { type Clock, CodedError, type Logger, noMetrics, type Random, type Timer } from "@lode/ports";
import { miningServerMaxLength } from "@lode/roles";
import { dial, type Endpoint } from "@lode/transport";
import { type CpuMiner, startCpuMiner } from "./cpu-miner.ts";

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
}

/** What the miners have come to. */
export interface SimulatorStatus {
  readonly seconds: number;
  readonly miners: number;
  /** Miners that are connected now. */
  readonly connected: number;
  readonly accepted: number;
  readonly rejected: number;
  /** Connections that ended or were not made. */
  readonly failures: number;
  /** The latest reason of a failure or a refusal; empty when there was none. */
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
  #lastTrouble = "";

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
    for (const miner of this.#running) hashrate += miner.hashrate;
    return {
      seconds: (this.#options.clock.monotonic() - this.#startedAt) / 1000,
      miners: this.#options.miners,
      connected: this.#running.size,
      accepted: this.#accepted,
      rejected: this.#rejected,
      failures: this.#failures,
      lastTrouble: this.#lastTrouble,
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
    const { endpoint, userIdentity, kind, hashesPerSecond, native, clock, random, logger } = this.#options;
    try {
      const ports = { clock, random, logger };
      const connection = await dial({ ...endpoint, native, ...ports, maxLength: miningServerMaxLength });
      let pause = retryMs;
      const miner = startCpuMiner({
        ...ports,
        connection,
        userIdentity: `${userIdentity}${userIdentity.includes(".") ? "" : "."}${number}`,
        kind,
        hashesPerSecond,
        metrics: noMetrics,
        onAccepted: (count) => {
          this.#accepted += count;
          pause = RETRY_MIN_MS;
        },
        onRejected: (code) => {
          this.#rejected++;
          this.#lastTrouble = code;
        },
        onClose: (reason) => {
          this.#running.delete(miner);
          if (!this.#stopped) this.#retry(number, pause, reason);
        },
      });
      this.#running.add(miner);
    } catch (error) {
      this.#retry(number, retryMs, error instanceof CodedError ? String(error.code) : String(error));
    }
  }

  #retry(number: number, retryMs: number, trouble: string): void {
    this.#failures++;
    this.#lastTrouble = trouble;
    if (this.#stopped) return;
    const jitter = retryMs * (this.#options.random(1)[0]! / 256);
    this.#after(retryMs + jitter, number, Math.min(2 * retryMs, RETRY_MAX_MS));
  }
}
