import { startPostgres } from "@lode/devnet";
import { scratchDirectory } from "./scratch-directory.ts";

/** Runs something on a Postgres of its own, with fsync, that is gone afterwards. */
export async function withPostgres<T>(
  say: (line: string) => void,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const directory = scratchDirectory();
  try {
    say(`starting Postgres in ${directory.path}`);
    const server = await startPostgres({ dataDir: directory.path, durable: true });
    try {
      return await use(server.url);
    } finally {
      await server.stop();
    }
  } finally {
    directory.remove();
  }
}
