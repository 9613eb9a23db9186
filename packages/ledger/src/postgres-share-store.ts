import type { Clock, Logger } from "@lode/ports";
import { silentLogger } from "@lode/ports";
import { DeadlineExceeded, within } from "./commit-deadline.ts";
import { CommitSession } from "./commit-session.ts";
import { type DatabaseOptions, resolveOptions } from "./connection-options.ts";
import { prepareSession, type SessionFacts } from "./durability.ts";
import { LedgerError } from "./ledger-error.ts";
import { classifyFailure, isReplicationWarning, sqlstateOf } from "./server-failure.ts";
import type { ShareBatch, ShareStore } from "./share-record.ts";

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

/** Raised by the function share_batch_commit (migrations). */
const CONFLICT_SQLSTATE = "LB001";
/** check_violation: no partition for the row. */
const NO_PARTITION_SQLSTATE = "23514";

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

  async commit(batch: ShareBatch): Promise<void> {
    const line = this.#openLine();
    try {
      await within(this.#clock, this.#answerTimeoutMs, commitOn(line, batch));
    } catch (error) {
      this.#drop(line);
      throw commitError(error, batch);
    }
    this.#createNextPartition(line, batch.partHour + 1);
  }

  /**
   * Start check: the server answers, writes, commits to disk, and has the tables.
   *
   * @throws {LedgerError} `unavailable`, `not-durable`, `schema-missing`, `refused`
   */
  async verifyDurability(): Promise<SessionFacts> {
    const line = this.#openLine();
    const check = async () => {
      const facts = await line.ready;
      await line.session.sql`select 'share_batch_commit'::regproc`;
      return facts;
    };
    try {
      const facts = await within(this.#clock, this.#answerTimeoutMs * 5, check());
      if (facts.readOnly) throw new LedgerError({ code: "unavailable", reason: "read-only", sqlstate: null });
      return facts;
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

  /** Ahead of time, so that the first batch of an hour need not wait for it. A failure is made up for by that batch. */
  #createNextPartition(line: Line, hour: number): void {
    if (line.hours.has(hour)) return;
    createPartition(line, hour).catch((err: unknown) => {
      this.#logger.warn({ err, part_hour: hour }, "cannot create the next partition of share batches yet");
    });
  }
}

/** A session with what is known about it. */
class Line {
  readonly session: CommitSession;
  /** Resolves when the session commits durably. Every statement waits for it. */
  readonly ready: Promise<SessionFacts>;
  /** Hours whose partition exists, as far as this session knows. */
  readonly hours = new Set<number>();
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

async function commitOn(line: Line, batch: ShareBatch): Promise<void> {
  const facts = await line.ready;
  if (facts.readOnly) throw unknownOutcome("read-only", null);
  if (!line.hours.has(batch.partHour)) await createPartition(line, batch.partHour);
  try {
    await insert(line, batch);
  } catch (error) {
    // The partition was dropped since: an hour is kept for days, but a retried batch may be older.
    if (sqlstateOf(error) !== NO_PARTITION_SQLSTATE) throw error;
    await createPartition(line, batch.partHour);
    await insert(line, batch);
  }
  if (line.replicationDoubtful) throw unknownOutcome("replication", null);
}

async function insert({ session }: Line, batch: ShareBatch): Promise<void> {
  await session.sql`select share_batch_commit(
    ${batch.partHour}, ${batch.run}, ${batch.seq}, ${batch.n}, ${batch.work.toString()}, ${batch.payload}, ${batch.sha256}
  )`;
}

async function createPartition(line: Line, hour: number): Promise<void> {
  await line.session.sql`select share_batch_create_partition(${hour})`;
  line.hours.add(hour);
}

function commitError(error: unknown, batch: ShareBatch): LedgerError {
  if (error instanceof LedgerError) return error;
  if (error instanceof DeadlineExceeded) return unknownOutcome("timeout", null, error);
  if (sqlstateOf(error) === CONFLICT_SQLSTATE) {
    const { run, seq } = batch;
    return new LedgerError(
      { code: "batch-conflict", run, seq },
      `another batch is stored under run ${run}, seq ${seq}`,
    );
  }
  const failure = classifyFailure(error);
  if (failure.kind === "transient") return unknownOutcome(failure.reason, failure.sqlstate, error);
  return new LedgerError({ code: failure.kind, sqlstate: failure.sqlstate }, messageOf(error), {
    cause: error,
  });
}

/** A driver's error outside a commit, as data. */
export function queryError(error: unknown): LedgerError {
  if (error instanceof LedgerError) return error;
  if (error instanceof DeadlineExceeded) {
    return new LedgerError({ code: "unavailable", reason: "timeout", sqlstate: null }, error.message, {
      cause: error,
    });
  }
  const failure = classifyFailure(error);
  const options = { cause: error };
  if (failure.kind === "transient") {
    const { reason, sqlstate } = failure;
    return new LedgerError({ code: "unavailable", reason, sqlstate }, messageOf(error), options);
  }
  return new LedgerError({ code: failure.kind, sqlstate: failure.sqlstate }, messageOf(error), options);
}

function unknownOutcome(
  reason: Extract<ReturnType<typeof classifyFailure>, { kind: "transient" }>["reason"],
  sqlstate: string | null,
  cause?: unknown,
): LedgerError {
  return new LedgerError(
    { code: "unknown-outcome", reason, sqlstate },
    `the commit's outcome is unknown (${reason}${cause === undefined ? "" : `: ${messageOf(cause)}`})`,
    cause === undefined ? {} : { cause },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
