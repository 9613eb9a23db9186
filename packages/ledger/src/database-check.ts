import { type Clock, DependencyError, type Logger, systemClock, within } from "@lode/ports";
import { CommitSession } from "./commit-session.ts";
import { placeOfDatabase, resolveOptions } from "./connection-options.ts";
import { type Database, openDatabase } from "./database.ts";
import { type DatabasePlace, explainDatabaseFailure, pooler } from "./database-failure.ts";
import { prepareSession } from "./durability.ts";
import { LedgerError } from "./ledger-error.ts";
import { migrationsDirectory } from "./migration-files.ts";
import { newerThan, verifyMigrations } from "./migration-status.ts";
import { type MigrateOptions, migrate } from "./migrations.ts";
import type { PostgresShareStore } from "./postgres-share-store.ts";

/** Settings of {@link checkDatabase} and {@link prepareDatabase}. */
export interface DatabaseCheckOptions extends DatabasePlace {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Accept a server that may lose commits in a crash: development only. */
  readonly allowFsyncOff?: boolean;
  /** A server that does not answer for this long is away, milliseconds; 10,000 if absent. */
  readonly answerWithinMs?: number;
}

const ANSWER_WITHIN_MS = 10_000;
/** Two clients of a busy pooler may miss each other's session once; hardly ever so often. */
const POOLER_ROUNDS = 3;

/**
 * Looks whether shares could be recorded here: the server answers, takes the login, has the database, commits to disk, is
 * no standby, and no pooler passes its sessions around. Changes nothing; tables need not be there yet.
 *
 * @throws DependencyError with a sentence for the operator; LedgerError `invalid-connection`
 */
export async function checkDatabase(options: DatabaseCheckOptions): Promise<void> {
  const { connection, clock = systemClock, allowFsyncOff = false } = options;
  const withinMs = options.answerWithinMs ?? ANSWER_WITHIN_MS;
  const session = new CommitSession(resolveOptions(connection), () => {});
  try {
    const settings = { allowFsyncOff, statementTimeoutMs: withinMs };
    const facts = await within(clock, withinMs, prepareSession(session.sql, settings));
    if (facts.readOnly) throw new LedgerError({ code: "unavailable", reason: "read-only", sqlstate: null });
    await refusePooler(options);
  } catch (error) {
    throw explainDatabaseFailure(error, options);
  } finally {
    session.destroy();
  }
}

/** What {@link prepareDatabase} found. */
export interface PreparedDatabase {
  /** A sentence with both versions where a newer release has migrated the database. */
  readonly newer: string | null;
}

/**
 * Makes the database ready for `store`: migrations are applied, or with `verify` only looked at, and shares are durable once
 * they are committed.
 *
 * @throws DependencyError with a sentence for the operator; LedgerError `invalid-connection`
 */
export async function prepareDatabase(
  store: PostgresShareStore,
  options: DatabaseCheckOptions & { readonly migrate?: "auto" | "verify" },
): Promise<PreparedDatabase> {
  const states = await withDatabase(options, async (database) => {
    if (options.migrate !== "verify") await migrate(database, migrationsDirectory);
    return verifyMigrations(database, migrationsDirectory);
  });
  try {
    await store.verifyDurability();
  } catch (error) {
    throw explainDatabaseFailure(error, options);
  }
  return { newer: newerThan(states) };
}

/**
 * Applies the migrations that are missing. @throws DependencyError with a sentence for the operator; MigrationError
 */
export async function migrateDatabase(
  options: DatabaseCheckOptions,
  migration: MigrateOptions = {},
): Promise<string[]> {
  return withDatabase(options, (database) => migrate(database, migrationsDirectory, migration));
}

/**
 * Does something over one connection of its own, to Postgres itself.
 *
 * @throws DependencyError with a sentence for the operator; what `use` throws for other reasons
 */
export async function withDatabase<T>(
  options: DatabaseCheckOptions,
  use: (database: Database) => Promise<T>,
): Promise<T> {
  const database = openDatabase(options.connection, {
    max: 1,
    ...(options.logger === undefined ? {} : { logger: options.logger }),
  });
  try {
    await refusePooler(options);
    return await use(database);
  } catch (error) {
    throw explainDatabaseFailure(error, options);
  } finally {
    await database.end({ timeout: 1 });
  }
}

/**
 * Session settings and session locks are unsafe where a pooler lends one session of the server to several clients. Two
 * clients of ours give it away: both are connected, and the server calls them by one process id, or one by two.
 */
async function refusePooler(options: DatabaseCheckOptions): Promise<void> {
  const { connection, setting, clock = systemClock } = options;
  const [first, second] = [openDatabase(connection, { max: 1 }), openDatabase(connection, { max: 1 })];
  const work = async () => {
    for (let round = 0; round < POOLER_ROUNDS; round++) {
      const before = await backend(first);
      const shared =
        (await backend(second)) === before ||
        (await second.begin(async (transaction) => {
          if ((await backend(transaction)) === before) return true;
          return (await backend(first)) !== before;
        }));
      if (!shared) continue;
      const { code, temporary, says } = pooler(setting);
      throw new DependencyError({ code, temporary }, `Postgres at ${placeOfDatabase(connection)} ${says}`);
    }
  };
  try {
    await within(clock, options.answerWithinMs ?? ANSWER_WITHIN_MS, work());
  } finally {
    await Promise.all([first.end({ timeout: 0 }), second.end({ timeout: 0 })]);
  }
}

/** The server's process behind a connection. Without parameters, so that no prepared statement is left with a pooler. */
async function backend(sql: Pick<Database, "unsafe">): Promise<number> {
  const [row] = await sql.unsafe<{ pid: number }[]>("select pg_backend_pid() as pid").simple();
  return row?.pid ?? 0;
}
