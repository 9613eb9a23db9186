import {
  buildShareBatch,
  donationClass,
  type PayoutAddress,
  type ShareBatch,
  type ShareRecord,
  type ShareStore,
} from "@lode/ledger";
import type { AcceptedShare, ShareSink } from "@lode/mining";
import { type Clock, CodedError, FailureLog, type Logger, type Metrics, type Timer } from "@lode/ports";

/** Bounds of what may wait for the database. */
export interface ShareRecorderLimits {
  /** Shares in one commit at most. */
  readonly batchShares: number;
  /** Not ready, and no new channels, once the oldest share has waited this long, milliseconds. */
  readonly holdAfterMs: number;
  /** Connections are closed once the oldest share has waited this long, milliseconds. */
  readonly overfullAfterMs: number;
  /** Connections are closed once the waiting shares are estimated to take this much memory, bytes. */
  readonly overfullBytes: number;
  /** Pause before the same bytes are sent again; doubles up to `retryMaxMs`. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

export const DEFAULT_RECORDER_LIMITS: ShareRecorderLimits = {
  batchShares: 10_000,
  holdAfterMs: 5_000,
  overfullAfterMs: 600_000,
  overfullBytes: 64 * 1024 * 1024,
  retryMinMs: 50,
  retryMaxMs: 2_000,
};

/**
 * - `writable`: commits return in time.
 * - `holding`: the store is away; answers are held, no new channels are opened.
 * - `overfull`: a bound is reached; miners must be sent to their backups, until half of what may wait is recorded.
 * - `failed`: a batch key is taken by other bytes; nothing can be recorded any more and the process has to end.
 */
export type RecorderState = "writable" | "holding" | "overfull" | "failed";

export interface ShareRecorderDeps {
  readonly store: ShareStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** This process's run, a UUID drawn at start. With `seq` it keys a batch for ever. */
  readonly run: string;
  /** Called with shares that are durable now, in the order in which they were recorded. */
  readonly onDurable: (shares: readonly AcceptedShare[]) => void;
  /** Called when {@link RecorderState} changes. */
  readonly onState: (state: RecorderState) => void;
  readonly limits?: Partial<ShareRecorderLimits>;
}

/** What one waiting share takes in the heap, bytes; measured, rounded up. */
const SHARE_HEAP_BYTES = 512;
/** How often the age of the oldest share is looked at. */
const WATCH_MS = 500;
/** A run that commits nothing says this often that it is alive. */
const RENEW_MS = 2_000;

interface Flight {
  readonly batch: ShareBatch;
  readonly shares: readonly AcceptedShare[];
  /** Monotonic time: what was accepted before is in this batch or an earlier one. */
  readonly cutAt: number;
  readonly addresses: readonly PayoutAddress[];
}

/**
 * Records accepted shares: at most one commit is in flight, and the next starts when it returns, so latency is one commit
 * and load makes its own batches. A commit whose outcome is unknown goes again, same bytes under the same key, until the
 * store answers; only then are its shares durable and may be answered.
 */
export class ShareRecorder implements ShareSink {
  readonly #deps: ShareRecorderDeps;
  readonly #limits: ShareRecorderLimits;
  readonly #commitSeconds;
  readonly #commits;
  readonly #retries;
  readonly #recorded;
  readonly #failures: FailureLog;
  #isUp = true;
  #pending: AcceptedShare[] = [];
  #flight: Flight | null = null;
  #state: RecorderState = "writable";
  #scheduled = false;
  #nextSeq = 0;
  #retryDelay: number;
  /** Monotonic time since which shares wait without a successful commit; null while nothing waits. */
  #waitingSince: number | null = null;
  #idleWaiters: Array<() => void> = [];
  #watch: Timer | null = null;
  #retry: Timer | null = null;
  #renewal: Timer | null = null;
  #renewing = false;
  /** Whether a commit said that the run is alive since the timer looked last. */
  #renewed = false;
  /** Scripts whose address the store was told. */
  readonly #told = new WeakSet<Uint8Array>();
  #stopped = false;

  constructor(deps: ShareRecorderDeps) {
    this.#deps = deps;
    this.#limits = { ...DEFAULT_RECORDER_LIMITS, ...deps.limits };
    this.#retryDelay = this.#limits.retryMinMs;
    const { clock, logger, metrics } = deps;
    this.#failures = new FailureLog({ clock, logger });
    metrics.gauge(
      "lode_database_up",
      "1 unless the database did not confirm what it was told last",
      {},
      () => (this.#isUp ? 1 : 0),
    );
    this.#commitSeconds = metrics.histogram(
      "lode_share_commit_seconds",
      "Time from sending a share batch until the store confirmed it",
      [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    );
    this.#commits = metrics.counter("lode_share_commits_total", "Share batches committed");
    this.#retries = metrics.counter(
      "lode_share_commit_retries_total",
      "Share batches sent again because their outcome was unknown",
    );
    this.#recorded = metrics.counter("lode_shares_recorded_total", "Shares that are durable in the store");
    metrics.gauge("lode_shares_waiting", "Accepted shares that are not durable yet", {}, () => this.waiting);
  }

  get state(): RecorderState {
    return this.#state;
  }

  /** Accepted shares that are not durable yet. */
  get waiting(): number {
    return this.#pending.length + (this.#flight?.shares.length ?? 0);
  }

  /** Takes a share; it is answered through `onDurable`, or never if the process ends first. */
  record(share: AcceptedShare): void {
    if (this.#stopped || this.#state === "failed") return;
    this.#pending.push(share);
    this.#waitingSince ??= this.#deps.clock.monotonic();
    const { clock } = this.#deps;
    // Behind what has come meanwhile: after a late turn the store's answer may be there and only unread.
    this.#watch ??= clock.every(WATCH_MS, () => clock.soon(() => this.#judge()));
    if (this.#waitingBytes > this.#limits.overfullBytes) this.#enter("overfull");
    this.#schedule();
  }

  /** Says from now on that the run is alive, also while it has nothing to record. */
  start(): void {
    this.#renewal ??= this.#deps.clock.every(RENEW_MS, () => {
      if (!this.#renewed && this.waiting === 0) this.#renew();
      this.#renewed = false;
    });
    this.#renew();
  }

  /** Says that the run records no more. What it says may be lost: then its lease runs out. */
  async end(): Promise<void> {
    this.#renewal?.cancel();
    if (this.#stopped || this.#state === "failed" || this.waiting > 0) return;
    await this.#deps.store.renew(this.#deps.run, true).catch((err: unknown) => {
      this.#deps.logger.debug({ err }, "the store does not know that this run has ended");
    });
  }

  /** Resolves when nothing waits any more, or when the recorder has failed or was stopped. */
  drained(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Forgets what waits and touches the store no more. What was not answered may still be durable. */
  stop(): void {
    this.#stopped = true;
    this.#watch?.cancel();
    this.#retry?.cancel();
    this.#renewal?.cancel();
    this.#failures.stop();
    this.#pending = [];
    this.#flight = null;
    this.#wakeIdle();
  }

  /** Shares of the same turn of the event loop travel in one commit. */
  #schedule(): void {
    if (this.#scheduled || this.#flight !== null || this.#stopped) return;
    this.#scheduled = true;
    this.#deps.clock.soon(() => {
      this.#scheduled = false;
      this.#launch();
    });
  }

  #launch(): void {
    if (this.#flight !== null || this.#pending.length === 0 || this.#stopped) return;
    const shares =
      this.#pending.length <= this.#limits.batchShares
        ? this.#pending
        : this.#pending.slice(0, this.#limits.batchShares);
    this.#pending = shares === this.#pending ? [] : this.#pending.slice(shares.length);
    const key = { run: this.#deps.run, seq: this.#nextSeq++ };
    const batch = buildShareBatch(key, shares.map(toRecord), this.#deps.clock.now());
    const now = this.#deps.clock.monotonic();
    const cutAt = this.#pending.length === 0 ? now : (this.#waitingSince ?? now);
    this.#flight = { batch, shares, cutAt, addresses: this.#untold(shares) };
    this.#commit(this.#flight);
  }

  /** Addresses of scripts that the store was not told, each once. */
  #untold(shares: readonly AcceptedShare[]): PayoutAddress[] {
    const addresses = new Map<Uint8Array, PayoutAddress>();
    for (const { identity } of shares) {
      if (!this.#told.has(identity.payoutScript)) addresses.set(identity.payoutScript, identity);
    }
    return [...addresses.values()];
  }

  #commit(flight: Flight): void {
    const started = this.#deps.clock.monotonic();
    const { batch, addresses, cutAt } = flight;
    this.#deps.store.commit(batch, { behindMs: started - cutAt, addresses }).then(
      () => this.#committed(flight, started),
      (error: unknown) => this.#refused(flight, error),
    );
  }

  #committed(flight: Flight, started: number): void {
    if (this.#stopped || this.#flight !== flight) return;
    this.#isUp = true;
    this.#failures.worked("share batches are confirmed again");
    const now = this.#deps.clock.monotonic();
    this.#commitSeconds.observe((now - started) / 1000);
    this.#commits.inc();
    this.#recorded.inc(flight.shares.length);
    this.#flight = null;
    this.#renewed = true;
    for (const { payoutScript } of flight.addresses) this.#told.add(payoutScript);
    this.#retryDelay = this.#limits.retryMinMs;
    this.#waitingSince = this.#pending.length === 0 ? null : now;
    // Miners that come back too early would only be sent away again.
    if (this.#state !== "overfull" || this.#waitingBytes <= this.#limits.overfullBytes / 2)
      this.#enter("writable");
    this.#launch();
    this.#deps.onDurable(flight.shares);
    if (this.#isIdle()) this.#wakeIdle();
  }

  #refused(flight: Flight, error: unknown): void {
    if (this.#stopped || this.#flight !== flight) return;
    const code = error instanceof CodedError ? String(error.code) : "unexpected";
    if (code === "batch-conflict") {
      this.#deps.logger.error(
        { err: error, run: flight.batch.run, seq: flight.batch.seq },
        "another batch with other bytes stands under this key; shares can no longer be recorded",
      );
      this.#enter("failed");
      this.#wakeIdle();
      return;
    }
    this.#retries.inc();
    this.#isUp = false;
    const reason = error instanceof Error ? error.message : String(error);
    this.#failures.failed(`a share batch was not confirmed, the same bytes go again: ${reason}`, {
      code,
      seq: flight.batch.seq,
      shares: flight.shares.length,
    });
    this.#judge();
    this.#retry = this.#deps.clock.after(this.#retryDelay, () => this.#commit(flight));
    this.#retryDelay = Math.min(this.#retryDelay * 2, this.#limits.retryMaxMs);
  }

  #renew(): void {
    if (this.#renewing) return;
    this.#renewing = true;
    this.#deps.store
      .renew(this.#deps.run, false)
      .then(() => {
        this.#isUp = true;
      })
      .catch((err: unknown) => {
        this.#isUp = false;
        // A store that is away is loud enough once there are shares.
        this.#deps.logger.debug({ err }, "the store does not know that this run is alive");
      })
      .finally(() => {
        this.#renewing = false;
      });
  }

  #judge(): void {
    if (this.#waitingSince === null) {
      this.#watch?.cancel();
      this.#watch = null;
      return;
    }
    const waited = this.#deps.clock.monotonic() - this.#waitingSince;
    if (waited >= this.#limits.overfullAfterMs) this.#enter("overfull");
    else if (waited >= this.#limits.holdAfterMs && this.#state === "writable") this.#enter("holding");
  }

  #enter(state: RecorderState): void {
    if (this.#state === state || this.#state === "failed") return;
    this.#deps.logger[state === "writable" ? "info" : "error"](
      { from: this.#state, to: state, waiting: this.waiting },
      "share recorder changed its state",
    );
    this.#state = state;
    this.#deps.onState(state);
  }

  get #waitingBytes(): number {
    return this.waiting * SHARE_HEAP_BYTES;
  }

  #isIdle(): boolean {
    return this.#stopped || this.#state === "failed" || this.waiting === 0;
  }

  #wakeIdle(): void {
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const wake of waiters) wake();
  }
}

function toRecord(share: AcceptedShare): ShareRecord {
  return {
    connectionId: share.connectionId,
    channelId: share.channelId,
    sequenceNumber: share.sequenceNumber,
    payoutScript: share.identity.payoutScript,
    worker: share.worker,
    feeClass: share.job.kind === "pool" ? donationClass(share.identity.donationPercent ?? 0) : 0,
    job: share.job,
    work: share.work,
    creditedWork: share.creditedWork,
    receivedAt: Math.max(0, Math.trunc(share.receivedAt)),
    blockHash: share.blockHash,
  };
}
