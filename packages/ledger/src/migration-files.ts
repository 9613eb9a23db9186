import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MigrationError } from "./migration-error.ts";

/** A numbered SQL file. */
export interface MigrationFile {
  readonly version: number;
  /** Name inside the folder. */
  readonly file: string;
  readonly sql: string;
  /** SHA-256 of the text with Unix line ends, hex. */
  readonly checksum: string;
  /** False when the first line says `-- no transaction`: then the file holds one statement that can be repeated. */
  readonly inTransaction: boolean;
  /** The oldest release that can run on the database after this file: `-- oldest release: 0.2.0`. Null: every one can. */
  readonly oldestRelease: string | null;
}

/** Lode's own migrations. */
export const migrationsDirectory: string = fileURLToPath(new URL("../../../migrations", import.meta.url));

const NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

/**
 * Reads a folder's migrations, lowest number first. Files that do not end in `.sql` are ignored.
 *
 * @throws {MigrationError} `no-migrations`, `bad-name`
 */
export async function readMigrations(directory: string): Promise<MigrationFile[]> {
  const names = await readdir(directory).catch((cause: unknown) => {
    throw noMigrations(directory, cause);
  });
  const files = names.filter((name) => name.endsWith(".sql")).sort();
  if (files.length === 0) throw noMigrations(directory);
  const migrations: MigrationFile[] = [];
  for (const file of files) {
    const version = Number(NAME.exec(file)?.[1]);
    if (!(version > (migrations.at(-1)?.version ?? 0))) {
      throw new MigrationError(
        { code: "bad-name", file },
        `${file}: expected a new number, as in 0007_what_it_does.sql`,
      );
    }
    const sql = (await readFile(join(directory, file), "utf8")).replaceAll("\r\n", "\n");
    migrations.push({
      version,
      file,
      sql,
      checksum: createHash("sha256").update(sql).digest("hex"),
      inTransaction: !/^-- no transaction\b/.test(sql),
      oldestRelease: oldestRelease(file, sql),
    });
  }
  return migrations;
}

/** Read from the comments that a file begins with. */
function oldestRelease(file: string, sql: string): string | null {
  const comments = /^(--.*\n)*/.exec(sql)?.[0] ?? "";
  const written = /^-- oldest release:(.*)$/m.exec(comments)?.[1]?.trim();
  if (written === undefined) return null;
  if (/^\d+\.\d+\.\d+$/.test(written)) return written;
  throw new MigrationError(
    { code: "bad-name", file },
    `${file}: "-- oldest release:" names a release, as in 0.2.0`,
  );
}

function noMigrations(directory: string, cause?: unknown): MigrationError {
  return new MigrationError(
    { code: "no-migrations", directory },
    `no migrations found in ${directory}`,
    cause === undefined ? {} : { cause },
  );
}
