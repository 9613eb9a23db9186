import { type PostgresShareStore, prepareDatabase, sessionsNamed, withDatabase } from "@lode/ledger";
import { FailureLog, type Logger, systemClock, waitFor } from "@lode/ports";
import { namedDatabase } from "./config/parts-from-config.ts";
import type { PoolServerConfig } from "./config/pool-server-config.ts";

/** What the start of a pool server hands to the wait for its database. */
export interface DatabaseStartDeps {
  readonly logger: Logger;
  readonly allowFsyncOff?: boolean;
  readonly signal?: AbortSignal;
  readonly waitMs?: number;
  readonly onWaiting?: (sentence: string | null) => void;
}

/** Resolves when shares can be recorded. What may pass is waited for. @throws DependencyError, LedgerError */
export async function waitForDatabase(
  store: PostgresShareStore,
  config: PoolServerConfig,
  deps: DatabaseStartDeps,
): Promise<void> {
  const { logger, allowFsyncOff = false } = deps;
  const database = { connection: config.database.url, setting: "database.url", logger, allowFsyncOff };
  const { migrate } = config.database;
  const { newer } = await waitFor(() => prepareDatabase(store, { ...database, migrate }), {
    clock: systemClock,
    log: new FailureLog({ clock: systemClock, logger }),
    ready: "the database is there",
    withinMs: deps.waitMs ?? config.database.waitSec * 1000,
    signal: deps.signal,
    onWait: deps.onWaiting,
  });
  if (newer !== null) logger.warn({}, newer);
  await warnOfNamesakes(config, logger);
}

/**
 * Looks for another pool server with this one's `server_id`. Only what is connected to the database right now is seen, and
 * a look that fails is none.
 */
async function warnOfNamesakes(config: PoolServerConfig, logger: Logger): Promise<void> {
  const { applicationName } = namedDatabase(config);
  const { serverId } = config.pool;
  // A name that somebody chose tells nothing about the number.
  if (!applicationName.endsWith(` ${serverId}`)) return;
  const database = { connection: config.database.url, setting: "database.url" };
  const sessions = await withDatabase(database, (sql) => sessionsNamed(sql, applicationName)).catch(() => []);
  // One of them is this server's.
  if (sessions.length < 2) return;
  const others = sessions.map(({ address, since }) => ({ address, since: new Date(since).toISOString() }));
  logger.warn(
    { server_id: serverId, sessions: others },
    "another pool server with this server_id uses the database: give each its own pool.server_id",
  );
}
