import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory of a test's own. */
export interface TemporaryFolder {
  readonly path: string;
  remove(): void;
}

/** Makes one that any user may enter, so that root's Postgres, which another user runs, can lie in it. */
export function temporaryFolder(purpose = "test"): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), `lode-${purpose}-`));
  chmodSync(path, 0o755);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
