import { type Clock, systemClock } from "@lode/ports";
import type postgres from "postgres";
import type { Database } from "./database.ts";
import { MigrationError } from "./migration-error.ts";
import { type MigrationFile, migrationsDirectory, readMigrations } from "./migration-files.ts";
import { sqlstateOf } from "./server-failure.ts";

/** What the runner is doing. `total` counts the files that are to be applied. */
export type MigrationProgress =
  /** Another process migrates this database; told once. */
  | { readonly step: "waiting" }
  | { readonly step: "applying"; readonly file: string; readonly index: number; readonly total: number }
  | {
      readonly step: "applied";
      readonly file: string;
      readonly index: number;
      readonly total: number;
      readonly ms: number;
    };

/** A migration as the database and the folder see it. */
export interface MigrationState {
  readonly version: number;
  readonly file: string;
  /** `unknown`: applied by a newer release, this one has no such file. `changed`: the file was edited after it was applied. */
  readonly state: "applied" | "pending" | "changed" | "unknown";
  /** Milliseconds since the epoch. */
  readonly appliedAt: number | null;
}

/** Settings of {@link migrate}. */
export interface MigrateOptions {
  readonly clock?: Clock;
  readonly onProgress?: (progress: MigrationProgress) => void;
}

/** Session lock of whoever migrates: "LODEMIGR" as a bigint. */
const LOCK = "5498688734482745170";
const LOCK_RETRY_MS = 250;

/**
 * Applies the folder's pending migrations in their order, each in its own transaction unless it opts out. Only one process
 * at a time does so; the others wait. Forward only. Returns the names of the files applied.
 *
 * @throws {MigrationError} `no-migrations`, `bad-name`, `checksum-changed`, `out-of-order`, `failed`
 */
export async function migrate(
  sql: Database,
  directory: string = migrationsDirectory,
  options: MigrateOptions = {},
): Promise<string[]> {
  const { clock = systemClock, onProgress = () => {} } = options;
  const files = await readMigrations(directory);
  // postgres.js never serves a reservation on a connection that is not open yet when types are not fetched.
  await sql`select`;
  const session = await sql.reserve();
  try {
    await lock(session, clock, onProgress);
    try {
      await session`
        create table if not exists lode_migration (
          version integer primary key,
          file text not null,
          checksum text not null,
          applied_at timestamptz not null default now(),
          ms integer not null
        )`.simple();
      const pending = checkOrder(await compare(session, files), files);
      for (const [index, migration] of pending.entries()) {
        const place = { file: migration.file, index, total: pending.length };
        onProgress({ step: "applying", ...place });
        const start = clock.monotonic();
        await apply(session, migration, () => Math.round(clock.monotonic() - start));
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

/** Compares folder and database; nothing is changed. An empty database has everything pending. */
export async function migrationStatus(
  sql: Database,
  directory: string = migrationsDirectory,
): Promise<MigrationState[]> {
  return compare(sql, await readMigrations(directory));
}

/**
 * Start check: everything this release needs is applied, and unchanged. Migrations of a newer release are fine: they only
 * expand what older ones use.
 *
 * @throws {MigrationError} `pending`, `checksum-changed`, `no-migrations`, `bad-name`
 */
export async function verifyMigrations(
  sql: Database,
  directory: string = migrationsDirectory,
): Promise<void> {
  const states = await migrationStatus(sql, directory);
  refuseChanged(states);
  const pending = states.filter(({ state }) => state === "pending");
  if (pending[0] !== undefined) {
    throw new MigrationError(
      { code: "pending", file: pending[0].file, count: pending.length },
      `${pending.length} migration(s) not applied, first ${pending[0].file}: run \`lode db migrate\``,
    );
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

async function compare(sql: postgres.Sql, files: readonly MigrationFile[]): Promise<MigrationState[]> {
  const [table] = await sql<
    { present: boolean }[]
  >`select to_regclass('lode_migration') is not null as present`;
  const rows =
    table?.present === true
      ? await sql<{ version: number; file: string; checksum: string; applied_ms: string }[]>`
          select version, file, checksum, extract(epoch from applied_at) * 1000 as applied_ms from lode_migration order by version`
      : [];
  const applied = new Map(rows.map((row) => [row.version, row]));
  const known = new Set(files.map(({ version }) => version));
  const states: MigrationState[] = files.map(({ version, file, checksum }) => {
    const row = applied.get(version);
    if (row === undefined) return { version, file, state: "pending", appliedAt: null };
    return {
      version,
      file,
      state: row.checksum === checksum ? "applied" : "changed",
      appliedAt: Number(row.applied_ms),
    };
  });
  for (const { version, file, applied_ms } of rows) {
    if (!known.has(version)) states.push({ version, file, state: "unknown", appliedAt: Number(applied_ms) });
  }
  return states.sort((a, b) => a.version - b.version);
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

function refuseChanged(states: readonly MigrationState[]): void {
  const changed = states.find(({ state }) => state === "changed");
  if (changed === undefined) return;
  const { file } = changed;
  throw new MigrationError(
    { code: "checksum-changed", file },
    `${file} was changed after it was applied: restore it and put the change into a new migration`,
  );
}

async function apply(session: postgres.Sql, migration: MigrationFile, ms: () => number): Promise<void> {
  const { version, file, checksum, inTransaction } = migration;
  try {
    if (inTransaction) await session`begin`.simple();
    await session.unsafe(migration.sql).simple();
    await session`insert into lode_migration ${session({ version, file, checksum, ms: ms() })}`;
    if (inTransaction) await session`commit`.simple();
  } catch (cause) {
    if (inTransaction) await session`rollback`.simple().catch(() => {});
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new MigrationError({ code: "failed", file, sqlstate: sqlstateOf(cause) }, `${file}: ${message}`, {
      cause,
    });
  }
}
