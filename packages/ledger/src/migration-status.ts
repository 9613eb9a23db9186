import type postgres from "postgres";
import type { Database } from "./database.ts";
import { MigrationError } from "./migration-error.ts";
import { type MigrationFile, migrationsDirectory, readMigrations } from "./migration-files.ts";
import { isOlderRelease, release as thisRelease } from "./release.ts";

/** A migration as the database and the folder see it. */
export interface MigrationState {
  readonly version: number;
  readonly file: string;
  /** `unknown`: applied by a newer release, this one has no such file. `changed`: the file was edited after it was applied. */
  readonly state: "applied" | "pending" | "changed" | "unknown";
  /** Milliseconds since the epoch. */
  readonly appliedAt: number | null;
  /** The release that applied it; null when it is pending. */
  readonly release: string | null;
  /** The oldest release that can run on it; null: every one. */
  readonly oldestRelease: string | null;
}

/** Compares folder and database; nothing is changed. An empty database has everything pending. */
export async function migrationStatus(
  sql: Database,
  directory: string = migrationsDirectory,
): Promise<MigrationState[]> {
  return compare(sql, await readMigrations(directory));
}

/**
 * Start check: everything this release needs is applied, and unchanged. Migrations of a newer release are fine unless one of
 * them says that this release is too old; {@link newerThan} tells about them. Returns what {@link migrationStatus} does.
 *
 * @throws {MigrationError} `pending`, `checksum-changed`, `database-too-new`, `no-migrations`, `bad-name`
 */
export async function verifyMigrations(
  sql: Database,
  directory: string = migrationsDirectory,
  release: string = thisRelease,
): Promise<MigrationState[]> {
  const states = await migrationStatus(sql, directory);
  refuseTooNew(states, release);
  refuseChanged(states);
  const pending = states.filter(({ state }) => state === "pending");
  if (pending[0] !== undefined) {
    throw new MigrationError(
      { code: "pending", file: pending[0].file, count: pending.length },
      `${pending.length} migration(s) not applied, first ${pending[0].file}: run \`lode db migrate\``,
    );
  }
  return states;
}

/** A sentence with both versions when the database is newer than `release`, else null. */
export function newerThan(states: readonly MigrationState[], release: string = thisRelease): string | null {
  const newer = states.filter(({ state }) => state === "unknown");
  const [last, known] = [newer.at(-1), states.findLast(({ state }) => state !== "unknown")];
  if (last === undefined) return null;
  return `the database is newer than this lode: lode ${last.release ?? "(unknown)"} has applied ${last.file}, this is lode ${release} with ${known?.file ?? "no file"}; it goes on, as every release since ${last.oldestRelease ?? "the first"} can`;
}

/** What is applied, changed, pending and unknown, lowest number first. */
export async function compare(sql: postgres.Sql, files: readonly MigrationFile[]): Promise<MigrationState[]> {
  const [table] = await sql<
    { present: boolean }[]
  >`select to_regclass('lode_migration') is not null as present`;
  const rows =
    table?.present === true
      ? await sql<AppliedRow[]>`
          select
            version, file, checksum, extract(epoch from applied_at) * 1000 as applied_ms,
            to_jsonb(m) ->> 'release' as release, to_jsonb(m) ->> 'oldest_release' as oldest
          from lode_migration m order by version`
      : [];
  const applied = new Map(rows.map((row) => [row.version, row]));
  const known = new Set(files.map(({ version }) => version));
  const states: MigrationState[] = files.map(({ version, file, checksum, oldestRelease }) => {
    const row = applied.get(version);
    if (row === undefined)
      return { version, file, state: "pending", appliedAt: null, release: null, oldestRelease };
    return {
      version,
      file,
      state: row.checksum === checksum ? "applied" : "changed",
      appliedAt: Number(row.applied_ms),
      release: row.release,
      oldestRelease,
    };
  });
  for (const { version, file, applied_ms, release, oldest } of rows) {
    if (known.has(version)) continue;
    const appliedAt = Number(applied_ms);
    states.push({ version, file, state: "unknown", appliedAt, release, oldestRelease: oldest });
  }
  return states.sort((a, b) => a.version - b.version);
}

interface AppliedRow {
  readonly version: number;
  readonly file: string;
  readonly checksum: string;
  readonly applied_ms: string;
  readonly release: string | null;
  readonly oldest: string | null;
}

/** @throws MigrationError `checksum-changed` */
export function refuseChanged(states: readonly MigrationState[]): void {
  const changed = states.find(({ state }) => state === "changed");
  if (changed === undefined) return;
  const { file } = changed;
  throw new MigrationError(
    { code: "checksum-changed", file },
    `${file} was changed after it was applied: restore it and put the change into a new migration`,
  );
}

/** @throws MigrationError `database-too-new` */
export function refuseTooNew(states: readonly MigrationState[], release: string): void {
  const breaking = states.findLast(
    ({ state, oldestRelease }) =>
      state === "unknown" && oldestRelease !== null && isOlderRelease(release, oldestRelease),
  );
  if (breaking?.oldestRelease === undefined || breaking.oldestRelease === null) return;
  const { file, oldestRelease } = breaking;
  throw new MigrationError(
    { code: "database-too-new", file, oldestRelease, release },
    `the database is too new for this lode ${release}: lode ${breaking.release ?? oldestRelease} has applied ${file}, on which lode ${oldestRelease} and newer can run`,
  );
}
