import { type Clock, systemClock } from "@lode/ports";
import type postgres from "postgres";
import type { Database } from "./database.ts";
import { MigrationError } from "./migration-error.ts";
import { type MigrationFile, migrationsDirectory, readMigrations } from "./migration-files.ts";
import { compare, type MigrationState, refuseChanged, refuseTooNew } from "./migration-status.ts";
import { release as thisRelease } from "./release.ts";
import { sqlstateOf } from "./server-failure.ts";

/** What the runner is doing. `total` counts the files that are to be applied. */
export type MigrationProgress =
  /** Another process migrates this database; told once. */
  | { readonly step: "waiting" }
  /** Somebody uses the tables of a file; it is tried again. Told once for each file. */
  | { readonly step: "locked"; readonly file: string }
  | { readonly step: "applying"; readonly file: string; readonly index: number; readonly total: number }
  | {
      readonly step: "applied";
      readonly file: string;
      readonly index: number;
      readonly total: number;
      readonly ms: number;
    };

/** Settings of {@link migrate}. */
export interface MigrateOptions {
  readonly clock?: Clock;
  /** The release that migrates; this one by default. */
  readonly release?: string;
  readonly onProgress?: (progress: MigrationProgress) => void;
}

/** Session lock of whoever migrates: "LODEMIGR" as a bigint. */
const LOCK = "5498688734482745170";
const LOCK_RETRY_MS = 250;
/** A statement that waits for a lock makes everybody behind it wait too: commits of shares. It gives way soon. */
const TABLE_LOCK_MS = 1_000;
const TABLE_LOCK_RETRY_MS = { least: 500, most: 10_000 };
/** About ten minutes. */
const TABLE_LOCK_ATTEMPTS = 60;
/** lock_not_available: lock_timeout was over. */
const LOCK_NOT_AVAILABLE = "55P03";

/**
 * Applies the folder's pending migrations in their order, each in its own transaction unless it opts out. Only one process
 * at a time does so; the others wait. A file whose tables are locked gives way and is tried again. Forward only. Returns the
 * names of the files applied.
 *
 * @throws {MigrationError} `no-migrations`, `bad-name`, `checksum-changed`, `out-of-order`, `database-too-new`, `failed`
 */
export async function migrate(
  sql: Database,
  directory: string = migrationsDirectory,
  options: MigrateOptions = {},
): Promise<string[]> {
  const { clock = systemClock, release = thisRelease, onProgress = () => {} } = options;
  const files = await readMigrations(directory);
  // postgres.js never serves a reservation on a connection that is not open yet when types are not fetched.
  await sql`select`;
  const session = await sql.reserve();
  try {
    await lock(session, clock, onProgress);
    try {
      await prepareTable(session);
      const states = await compare(session, files);
      refuseTooNew(states, release);
      const pending = checkOrder(states, files);
      for (const [index, migration] of pending.entries()) {
        const place = { file: migration.file, index, total: pending.length };
        onProgress({ step: "applying", ...place });
        const start = clock.monotonic();
        await applyUnlocked(session, migration, { clock, release, onProgress });
        onProgress({ step: "applied", ...place, ms: Math.round(clock.monotonic() - start) });
      }
      return pending.map((migration) => migration.file);
    } finally {
      await session`select pg_advisory_unlock(${LOCK}::bigint)`;
    }
  } finally {
    session.release();
  }
}

/** Polls: a session that waits inside the server holds a snapshot, which `create index concurrently` would wait for. */
async function lock(
  session: postgres.Sql,
  clock: Clock,
  onProgress: (progress: MigrationProgress) => void,
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const [row] = await session<
      { locked: boolean }[]
    >`select pg_try_advisory_lock(${LOCK}::bigint) as locked`;
    if (row?.locked === true) return;
    if (attempt === 0) onProgress({ step: "waiting" });
    await new Promise<void>((resolve) => void clock.after(LOCK_RETRY_MS, resolve));
  }
}

/** The table of what is applied, also as an older release made it. */
async function prepareTable(session: postgres.Sql): Promise<void> {
  await session`
    create table if not exists lode_migration (
      version integer primary key,
      file text not null,
      checksum text not null,
      applied_at timestamptz not null default now(),
      ms integer not null,
      release text,
      oldest_release text
    )`.simple();
  const [column] = await session`
    select from pg_attribute where attrelid = 'lode_migration'::regclass and attname = 'oldest_release'`;
  if (column !== undefined) return;
  await session`alter table lode_migration add column if not exists release text, add column if not exists oldest_release text`.simple();
}

function checkOrder(states: readonly MigrationState[], files: readonly MigrationFile[]): MigrationFile[] {
  refuseChanged(states);
  const lastApplied = states.findLastIndex(({ state }) => state !== "pending");
  const late = states.findIndex(({ state }) => state === "pending");
  if (late !== -1 && late < lastApplied) {
    const { file } = states[late]!;
    throw new MigrationError(
      { code: "out-of-order", file },
      `${file} comes before one that is applied: renumber it`,
    );
  }
  const pending = new Set(states.filter(({ state }) => state === "pending").map(({ version }) => version));
  return files.filter(({ version }) => pending.has(version));
}

/** Tries again while the tables are in use. @throws MigrationError `failed` */
async function applyUnlocked(
  session: postgres.Sql,
  migration: MigrationFile,
  { clock, release, onProgress }: Required<MigrateOptions>,
): Promise<void> {
  let pauseMs = TABLE_LOCK_RETRY_MS.least;
  for (let attempt = 1; ; attempt++) {
    try {
      await apply(session, migration, clock, release);
      return;
    } catch (error) {
      const isLocked =
        error instanceof MigrationError &&
        "sqlstate" in error.type &&
        error.type.sqlstate === LOCK_NOT_AVAILABLE;
      if (!isLocked || attempt === TABLE_LOCK_ATTEMPTS) throw error;
      if (attempt === 1) onProgress({ step: "locked", file: migration.file });
      await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
      pauseMs = Math.min(2 * pauseMs, TABLE_LOCK_RETRY_MS.most);
    }
  }
}

async function apply(
  session: postgres.Sql,
  migration: MigrationFile,
  clock: Clock,
  release: string,
): Promise<void> {
  const { version, file, checksum, inTransaction, oldestRelease } = migration;
  const start = clock.monotonic();
  try {
    if (inTransaction) await session`begin`.simple();
    // An index that is built concurrently locks nobody out, and would be left broken.
    if (inTransaction) await session`select set_config('lock_timeout', ${String(TABLE_LOCK_MS)}, true)`;
    await session.unsafe(migration.sql).simple();
    const ms = Math.round(clock.monotonic() - start);
    const row = { version, file, checksum, ms, release, oldest_release: oldestRelease };
    await session`insert into lode_migration ${session(row)}`;
    if (inTransaction) await session`commit`.simple();
  } catch (cause) {
    if (inTransaction) await session`rollback`.simple().catch(() => {});
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new MigrationError({ code: "failed", file, sqlstate: sqlstateOf(cause) }, `${file}: ${message}`, {
      cause,
    });
  }
}
