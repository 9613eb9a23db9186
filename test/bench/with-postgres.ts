import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "@lode/devnet";

/** Runs something on a Postgres of its own, with fsync, that is gone afterwards. */
export async function withPostgres<T>(
  say: (line: string) => void,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), "lode-bench-"));
  chmodSync(dataDir, 0o755); // the user that runs Postgres for root must be able to enter
  try {
    say(`starting Postgres in ${dataDir}`);
    const server = await startPostgres({ dataDir, durable: true });
    try {
      return await use(server.url);
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}
