import type { Logger } from "@lode/ports";
import postgres from "postgres";
import { type DatabaseOptions, type ResolvedOptions, resolveOptions } from "./connection-options.ts";

/** A pool of connections, for migrations, tools and the read side. Commits of shares use their own connection. */
export type Database = postgres.Sql;

/** Settings of {@link openDatabase}. */
export interface DatabaseSettings {
  /** Most connections, opened when needed. Default 4. */
  readonly max?: number;
  /** Gets the server's notices at debug. */
  readonly logger?: Logger;
}

/**
 * Opens a pool of connections; nothing is sent before the first query. Close it with `await database.end()`.
 *
 * @throws {LedgerError} `invalid-connection`
 */
export function openDatabase(options: DatabaseOptions | string, settings: DatabaseSettings = {}): Database {
  const { logger } = settings;
  return postgres({
    ...driverOptions(resolveOptions(options)),
    max: settings.max ?? 4,
    connect_timeout: 10,
    onnotice: ({ message }) => logger?.debug({ notice: message }, "database notice"),
  });
}

/** What every connection has in common. Arrays of types are not fetched: one round trip less when connecting. */
export function driverOptions(options: ResolvedOptions) {
  const { host, port } = options;
  return {
    ...(host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : {}),
    host,
    port,
    user: options.user,
    password: options.password,
    database: options.database,
    ssl: options.ssl,
    fetch_types: false,
    connection: { application_name: options.applicationName },
  };
}
