import type { Clock, Logger } from "@lode/ports";
import { silentLogger, within } from "@lode/ports";
import { CommitSession } from "./commit-session.ts";
import { type DatabaseOptions, resolveOptions } from "./connection-options.ts";
import { prepareSession, type SessionFacts } from "./durability.ts";
import { LedgerError } from "./ledger-error.ts";
import { commitError, queryError, unknownOutcome } from "./query-error.ts";
import { isReplicationWarning, sqlstateOf } from "./server-failure.ts";
import { PARTITION_DAYS_AHEAD } from "./share-partitions.ts";
import type { CommitContext, ShareBatch, ShareStore } from "./share-record.ts";

/** What {@link PostgresShareStore} needs. */
export interface ShareStoreOptions {
  readonly connection: DatabaseOptions | string;
  readonly clock: Clock;
  readonly logger?: Logger;
  /** A commit without an answer for this long is unknown, milliseconds. Default 2,000. */
  readonly answerTimeoutMs?: number;
  /** Accept a server with fsync=off. For tests and development only: a crash loses acknowledged shares. */
  readonly allowFsyncOff?: boolean;
}

/** check_violation: no partition for the row. */
const NO_PARTITION_SQLSTATE = "23514";
const HOUR_MS = 3_600_000;
const HOURS_A_DAY = 24;

/**
 * Share batches in Postgres, over one dedicated connection. Whatever goes wrong, the connection is destroyed and the next
 * commit opens a new one, so a late answer can never be taken for another batch's.
 */
export class PostgresShareStore implements ShareStore {
  readonly #options: ReturnType<typeof resolveOptions>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #answerTimeoutMs: number;
  readonly #allowFsyncOff: boolean;
  #line: Line | undefined;
  #closed = false;

  /** Connects with the first commit or with {@link verifyDurability}. @throws {LedgerError} `invalid-connection` */
  constructor(options: ShareStoreOptions) {
    this.#options = resolveOptions(options.connection);
    this.#clock = options.clock;
    this.#logger = options.logger ?? silentLogger;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? 2000;
    this.#allowFsyncOff = options.allowFsyncOff ?? false;
  }

  async commit(batch: ShareBatch, context: CommitContext = {}): Promise<void> {
    const line = this.#openLine();
    try {
      await within(this.#clock, this.#answerTimeoutMs, commitOn(line, batch, context));
    } catch (error) {
      this.#drop(line);
      throw commitError(error, batch);
    }
    this.#createPartitionsAhead(line, batch.partHour);
  }

  async renew(run: string, ended: boolean): Promise<void> {
    const line = this.#openLine();
    try {
      await within(this.#clock, this.#answerTimeoutMs, renewOn(line, run, ended));
    } catch (error) {
      this.#drop(line);
      throw queryError(error);
    }
    if (!ended) this.#createPartitionsAhead(line, Math.floor(this.#clock.now() / HOUR_MS));
  }

  /**
   * Start check: the server answers, writes, commits to disk, and has the tables. Makes the partitions of the next days, so that
   * the first share need not wait for them.
   *
   * @throws {LedgerError} `unavailable`, `not-durable`, `schema-missing`, `refused`
   */
  async verifyDurability(): Promise<SessionFacts> {
    const line = this.#openLine();
    const check = async () => {
      const facts = await line.ready;
      await line.session.sql`select 'share_batch_store'::regproc`;
      if (facts.readOnly) throw new LedgerError({ code: "unavailable", reason: "read-only", sqlstate: null });
      const hour = Math.floor(this.#clock.now() / HOUR_MS);
      await createPartitions(line, hour, PARTITION_DAYS_AHEAD);
      line.preparedDay = dayOf(hour);
      return facts;
    };
    try {
      return await within(this.#clock, this.#answerTimeoutMs * 5, check());
    } catch (error) {
      this.#drop(line);
      throw queryError(error);
    }
  }

  /** Ends the connection. Commits under way get `unknown-outcome`, later ones `closed`. */
  async close(): Promise<void> {
    this.#closed = true;
    const line = this.#line;
    this.#line = undefined;
    await line?.session.end();
  }

  #openLine(): Line {
    if (this.#closed) throw new LedgerError({ code: "closed" }, "the share store is closed");
    if (this.#line === undefined || this.#line.session.destroyed) {
      this.#line = new Line(this.#options, {
        allowFsyncOff: this.#allowFsyncOff,
        statementTimeoutMs: this.#answerTimeoutMs * 2,
      });
    }
    return this.#line;
  }

  #drop(line: Line): void {
    line.session.destroy();
    if (this.#line === line) this.#line = undefined;
  }

  /** So that the first batch of a day need not wait for its partition. A failure is made up for by that batch. */
  #createPartitionsAhead(line: Line, hour: number): void {
    const day = dayOf(hour);
    if (line.preparedDay === day) return;
    line.preparedDay = day;
    createPartitions(line, hour, PARTITION_DAYS_AHEAD).catch((err: unknown) => {
      this.#logger.warn(
        { err, part_hour: hour },
        "cannot create the next days' partitions of share batches yet",
      );
    });
  }
}

/** A session with what is known about it. */
class Line {
  readonly session: CommitSession;
  /** Resolves when the session commits durably. Every statement waits for it. */
  readonly ready: Promise<SessionFacts>;
  /** Days since the epoch whose partitions exist, as far as this session knows. Grows by one a day. */
  readonly days = new Set<number>();
  /** The last day whose next days were taken care of. */
  preparedDay = -1;
  /** The server gave up waiting for a standby: commits since then are not replicated for sure. */
  replicationDoubtful = false;

  constructor(
    options: ReturnType<typeof resolveOptions>,
    settings: { readonly allowFsyncOff: boolean; readonly statementTimeoutMs: number },
  ) {
    this.session = new CommitSession(options, (notice) => {
      if (isReplicationWarning(notice)) this.replicationDoubtful = true;
    });
    this.ready = prepareSession(this.session.sql, settings);
    this.ready.catch(() => {}); // whoever waits for it sees the failure
  }
}

async function commitOn(line: Line, batch: ShareBatch, context: CommitContext): Promise<void> {
  const facts = await line.ready;
  if (facts.readOnly) throw unknownOutcome("read-only", null);
  if (!line.days.has(dayOf(batch.partHour))) await createPartitions(line, batch.partHour, 0);
  try {
    await insert(line, batch, context);
  } catch (error) {
    // The partition was dropped since: a day is kept for a while, but a retried batch may be older.
    if (sqlstateOf(error) !== NO_PARTITION_SQLSTATE) throw error;
    await createPartitions(line, batch.partHour, 0);
    await insert(line, batch, context);
  }
  if (line.replicationDoubtful) throw unknownOutcome("replication", null);
}

async function insert({ session }: Line, batch: ShareBatch, context: CommitContext): Promise<void> {
  const { behindMs = 0, addresses = [] } = context;
  const byScript =
    addresses.length === 0
      ? null
      : Object.fromEntries(
          addresses.map(({ payoutScript, address }) => [Buffer.from(payoutScript).toString("hex"), address]),
        );
  await session.sql`select share_batch_store(
    ${batch.partHour}, ${batch.run}, ${batch.seq}, ${batch.n}, ${batch.work.toString()}, ${batch.payload}, ${batch.sha256},
    ${Math.round(behindMs)}, ${byScript === null ? null : session.sql.json(byScript)}
  )`;
}

async function renewOn(line: Line, run: string, ended: boolean): Promise<void> {
  const facts = await line.ready;
  if (facts.readOnly) throw new LedgerError({ code: "unavailable", reason: "read-only", sqlstate: null });
  await line.session.sql`select producer_alive(${run}, ${ended})`;
}

async function createPartitions(line: Line, hour: number, daysAhead: number): Promise<void> {
  await line.session.sql`select share_batch_create_partitions(${hour}, ${daysAhead})`;
  for (let day = 0; day <= daysAhead; day++) line.days.add(dayOf(hour) + day);
}

function dayOf(hour: number): number {
  return Math.floor(hour / HOURS_A_DAY);
}
