import type { Clock, Logger, Metrics, Random, Timer } from "@lode/ports";
import { type ActiveJob, type ClientChannel, MiningClient } from "@lode/roles";
import type { FrameConnection } from "@lode/transport";
import { NonceSearch } from "./nonce-search.ts";
import { RateMeter } from "./rate-meter.ts";

/** What a {@link CpuMiner} is and where it mines. */
export interface CpuMinerOptions {
  /** A dialled connection to a mining server; not started yet. */
  readonly connection: FrameConnection;
  readonly userIdentity: string;
  readonly kind: "standard" | "extended";
  /** Rate it keeps to, so that a demonstration looks the same on every machine; 20,000 is easy for any. */
  readonly hashesPerSecond: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Every share the server has answered with success, by how many it answered. */
  readonly onAccepted?: (count: number) => void;
  readonly onRejected?: (errorCode: string) => void;
  readonly onOpened?: () => void;
  /** The channel was refused or closed; the miner asks again after a pause. A log line where nobody listens here. */
  readonly onChannelLost?: (what: "refused" | "closed", code: string) => void;
  /** The connection is over; the miner has stopped. */
  readonly onClose?: (reason: string) => void;
}

/** A small miner. */
export interface CpuMiner {
  /** Hashes tried so far. */
  readonly hashes: number;
  /** Shares handed in so far. */
  readonly submitted: number;
  /** Hashes per second measured over the last seconds: less than asked for when the machine cannot keep up. */
  readonly hashrate: number;
  /** True while a channel is open. */
  readonly isOpen: boolean;
  /** Stops hashing and closes the connection. */
  stop(): void;
}

const SLICE_MS = 50;
/** After a pause of the process, the time lost beyond this is not made up for, milliseconds. */
const MAX_CATCH_UP_MS = 200;
/** Pause before asking again for a channel that was refused or closed, milliseconds. */
const REOPEN_MS = 5_000;
const EXTRANONCE_SIZE = 8;

/** Mines on the event loop, in slices, at a fixed rate: a stand-in for a real device. */
export function startCpuMiner(options: CpuMinerOptions): CpuMiner {
  return new EventLoopMiner(options);
}

class EventLoopMiner implements CpuMiner {
  readonly #options: CpuMinerOptions;
  readonly #client: MiningClient;
  readonly #meter: RateMeter;
  #channel: ClientChannel | undefined;
  #search: NonceSearch | undefined;
  #hashes = 0;
  #submitted = 0;
  /** Hashes that are due but not tried yet, with fractions. */
  #owed = 0;
  #lastSlice: number;
  #slices: Timer | undefined;
  #reopening: Timer | undefined;

  constructor(options: CpuMinerOptions) {
    const { clock, connection } = options;
    this.#options = options;
    this.#lastSlice = clock.monotonic();
    this.#meter = new RateMeter(this.#lastSlice);
    this.#client = new MiningClient(
      connection,
      { flags: 0, vendor: "lode-cpu-miner" },
      {
        onSetup: () => this.#open(),
        onOpened: (channel) => this.#onOpened(channel),
        onOpenRefused: (_requestId, errorCode) => this.#reopenLater("refused", errorCode),
        onChannelClosed: (_channel, reasonCode) => this.#reopenLater("closed", reasonCode),
        onJob: (_channel, job) => {
          this.#search = this.#searchOf(job);
        },
        onAccepted: (_channel, answer) => options.onAccepted?.(answer.newSubmitsAcceptedCount),
        onRejected: (_channel, answer) => options.onRejected?.(answer.errorCode),
        onRefused: (reason, errorCode) =>
          this.#onClose(errorCode === undefined ? reason : `${reason}: ${errorCode}`),
        onClose: (reason) => this.#onClose(reason),
      },
      options,
    );
  }

  get hashes(): number {
    return this.#hashes;
  }

  get submitted(): number {
    return this.#submitted;
  }

  get isOpen(): boolean {
    return this.#channel !== undefined;
  }

  get hashrate(): number {
    return this.#meter.rate(this.#options.clock.monotonic());
  }

  stop(): void {
    this.#halt();
    this.#client.close("done");
  }

  #open(): void {
    const { userIdentity, hashesPerSecond, kind } = this.#options;
    const request = { userIdentity, nominalHashRate: hashesPerSecond };
    this.#client.open(kind === "standard" ? request : { ...request, minExtranonceSize: EXTRANONCE_SIZE });
  }

  #onOpened(channel: ClientChannel): void {
    const { clock } = this.#options;
    this.#options.onOpened?.();
    this.#channel = channel;
    this.#lastSlice = clock.monotonic();
    this.#slices = clock.every(SLICE_MS, () => this.#mineSlice());
  }

  #reopenLater(what: "refused" | "closed", code: string): void {
    const { logger, clock, onChannelLost } = this.#options;
    if (onChannelLost === undefined) logger.warn({ error_code: code }, `the channel was ${what}`);
    else onChannelLost(what, code);
    this.#halt();
    this.#reopening = clock.after(REOPEN_MS, () => this.#open());
  }

  #onClose(reason: string): void {
    this.#halt();
    this.#options.onClose?.(reason);
  }

  #halt(): void {
    this.#slices?.cancel();
    this.#reopening?.cancel();
    this.#channel = undefined;
    this.#search = undefined;
  }

  #searchOf(job: ActiveJob): NonceSearch {
    const { clock, random } = this.#options;
    const extranonce = random(job.work.kind === "extended" ? (this.#channel?.extranonceSize ?? 0) : 0);
    return new NonceSearch(job, extranonce, Math.max(job.minNtime, Math.floor(clock.now() / 1000)));
  }

  #mineSlice(): void {
    const now = this.#options.clock.monotonic();
    const elapsed = Math.min(now - this.#lastSlice, MAX_CATCH_UP_MS);
    this.#lastSlice = now;
    // Time without a job is not made up for.
    if (this.#search !== undefined) this.#owed += (elapsed * this.#options.hashesPerSecond) / 1000;
    while (this.#owed >= 1 && this.#search !== undefined && this.#channel !== undefined) {
      const { tried, share } = this.#search.try(Math.floor(this.#owed));
      this.#owed -= tried;
      this.#hashes += tried;
      this.#meter.add(tried, now);
      if (share !== undefined) {
        this.#submitted++;
        this.#client.submit(this.#channel, share);
      }
      if (this.#search?.exhausted) this.#search = this.#searchOf(this.#search.job);
    }
  }
}
