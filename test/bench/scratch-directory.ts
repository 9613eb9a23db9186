import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An empty directory for one measurement; it goes with {@link remove}, or with the process. */
export function scratchDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "lode-bench-"));
  chmodSync(path, 0o755); // the user that runs Postgres for root must be able to enter
  const erase = (): void => rmSync(path, { recursive: true, force: true });
  process.once("exit", erase);
  return {
    path,
    remove() {
      process.off("exit", erase);
      erase();
    },
  };
}
