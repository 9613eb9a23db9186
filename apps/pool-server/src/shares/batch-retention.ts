import {
  dropSharePartition,
  LedgerError,
  listSharePartitions,
  openDatabase,
  partitionsOlderThan,
} from "@lode/ledger";
import type { Clock, Logger, Timer } from "@lode/ports";

/** What a {@link BatchRetention} needs. */
export interface BatchRetentionDeps {
  readonly url: string;
  /** Whole UTC days before today whose batches are kept. */
  readonly days: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Time between two looks, milliseconds. */
const EVERY_MS = 6 * 3_600_000;

/**
 * Drops days of share batches that are older than what is kept and wholly in the books, over a connection of its own: at the
 * start and four times a day. Every pool server does so; whoever comes second finds nothing to do.
 */
export class BatchRetention {
  readonly #deps: BatchRetentionDeps;
  #timer: Timer | undefined;
  #look: Promise<void> | undefined;

  constructor(deps: BatchRetentionDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = this.#deps.clock.every(EVERY_MS, () => this.#lookOnce());
    this.#lookOnce();
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#look;
  }

  #lookOnce(): void {
    this.#look ??= this.#dropOld()
      .catch((err: unknown) => {
        this.#deps.logger.warn({ err }, "cannot drop old share batches; it is tried again in six hours");
      })
      .finally(() => {
        this.#look = undefined;
      });
  }

  async #dropOld(): Promise<void> {
    const { url, days, clock, logger } = this.#deps;
    const database = openDatabase(url, { max: 1 });
    try {
      const old = partitionsOlderThan(await listSharePartitions(database), days, clock.now());
      for (const { name } of old) {
        try {
          await dropSharePartition(database, name, false);
          logger.info({ partition: name }, "dropped share batches that are in the books");
        } catch (error) {
          // What is behind it is not in the books either.
          if (error instanceof LedgerError && error.type.code === "not-folded") return;
          if (!(error instanceof LedgerError && error.type.code === "no-such-partition")) throw error;
        }
      }
    } finally {
      await database.end({ timeout: 1 });
    }
  }
}
