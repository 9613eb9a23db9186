import { type Fence, JournalError, type LeaderRole, type Leadership, RENEW_MS } from "@lode/ledger/journal";
import type { Clock, Gauge, Logger, Metrics, Timer } from "@lode/ports";

/** What a {@link LeadingLoop} needs. */
export interface LeadingLoopDeps {
  readonly role: LeaderRole;
  readonly leadership: Pick<Leadership, "claim" | "fence" | "resign">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** One round; the next begins `everyMs` after it is done. */
  readonly step: (fence: Fence) => Promise<unknown>;
  readonly everyMs: number;
}

const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 30_000;

/**
 * Does a role's work while this process leads, and waits otherwise. The lease is renewed beside the work, so a long round
 * keeps it. A round that fails is done again: every role's work is written so that any part of it may have happened.
 */
export class LeadingLoop {
  readonly #deps: LeadingLoopDeps;
  readonly #leading: Gauge;
  readonly #failures;
  #renewal: Timer | null = null;
  #next: Timer | null = null;
  #round: Promise<void> = Promise.resolve();
  #claim: Promise<void> = Promise.resolve();
  #stopped = false;
  #wasLeading = false;
  #delay = RETRY_MIN_MS;
  #failure: string | null = null;

  constructor(deps: LeadingLoopDeps) {
    this.#deps = deps;
    const labels = { role: deps.role };
    this.#leading = deps.metrics.gauge("lode_payouts_leading", "1 while this process leads the role", labels);
    this.#failures = deps.metrics.counter(
      "lode_payouts_failures_total",
      "Rounds of a role that failed",
      labels,
    );
  }

  /** Why the last claim or round failed, null after one that did not. */
  get failure(): string | null {
    return this.#failure;
  }

  start(): void {
    this.#renew();
    this.#renewal = this.#deps.clock.every(RENEW_MS, () => this.#renew());
    this.#schedule(0);
  }

  /** Resolves when the round under way is done and the role is given up. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#renewal?.cancel();
    this.#next?.cancel();
    await this.#round;
    await this.#claim;
    await this.#deps.leadership.resign().catch(() => {}); // the lease ends by itself
  }

  #renew(): void {
    const { leadership, logger, role } = this.#deps;
    this.#claim = leadership.claim().then(
      (leads) => {
        this.#leading.set(leads ? 1 : 0);
        if (leads !== this.#wasLeading) {
          logger.info(
            { leader: role, epoch: leadership.fence?.epoch ?? null },
            leads ? "leading" : "leading no more",
          );
        }
        this.#wasLeading = leads;
      },
      (error: unknown) => this.#failed(error, "cannot renew"),
    );
  }

  #schedule(ms: number): void {
    if (this.#stopped) return;
    this.#next = this.#deps.clock.after(ms, () => {
      this.#round = this.#go();
    });
  }

  async #go(): Promise<void> {
    const { leadership, step, everyMs } = this.#deps;
    const fence = leadership.fence;
    if (fence === null) return this.#schedule(everyMs);
    try {
      await step(fence);
      this.#delay = RETRY_MIN_MS;
      this.#failure = null;
      this.#schedule(everyMs);
    } catch (error) {
      if (!(error instanceof JournalError && error.code === "not-leader")) {
        this.#failures.inc();
        this.#failed(error, "round failed");
      }
      this.#schedule(this.#delay);
      this.#delay = Math.min(2 * this.#delay, RETRY_MAX_MS);
    }
  }

  #failed(error: unknown, what: string): void {
    const { logger, role } = this.#deps;
    const message = error instanceof Error ? error.message : String(error);
    // Once for each kind of failure: a database that is away for an hour is one line.
    if (message !== this.#failure) logger.error({ err: error, leader: role }, what);
    this.#failure = message;
  }
}
