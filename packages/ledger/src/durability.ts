import type postgres from "postgres";
import { LedgerError } from "./ledger-error.ts";

/** What a commit's connection found when it was set up. */
export interface SessionFacts {
  /** `on` or `remote_apply`. */
  readonly synchronousCommit: string;
  readonly fsync: boolean;
  /** True on a standby, which cannot store anything. */
  readonly readOnly: boolean;
  /** Server version as a number, such as 180004. */
  readonly serverVersion: number;
}

/**
 * Makes a connection fit for acknowledged shares: commits wait for the disk, and a statement that we no longer wait for ends
 * by itself, so that abandoned commits do not pile up behind a lock.
 *
 * @throws {LedgerError} `not-durable` when the server does not really write to disk
 */
export async function prepareSession(
  sql: postgres.Sql,
  settings: { readonly allowFsyncOff: boolean; readonly statementTimeoutMs: number },
): Promise<SessionFacts> {
  const [row] = await sql<
    { synchronous_commit: string; fsync: string; standby: boolean; read_only: string; version: string }[]
  >`
    select
      set_config(
        'synchronous_commit',
        case when current_setting('synchronous_commit') = 'remote_apply' then 'remote_apply' else 'on' end,
        false
      ) as synchronous_commit,
      -- Compiling a plan over many partitions takes longer than running it.
      set_config('jit', 'off', false),
      set_config('statement_timeout', ${String(settings.statementTimeoutMs)}, false),
      -- A repeated batch has to see what became visible while it waited.
      set_config('default_transaction_isolation', 'read committed', false),
      current_setting('fsync') as fsync,
      pg_is_in_recovery() as standby,
      current_setting('transaction_read_only') as read_only,
      current_setting('server_version_num') as version`;
  if (row === undefined)
    throw new LedgerError({ code: "refused", sqlstate: null }, "the server returned no settings");
  const facts: SessionFacts = {
    synchronousCommit: row.synchronous_commit,
    fsync: row.fsync === "on",
    readOnly: row.standby || row.read_only === "on",
    serverVersion: Number(row.version),
  };
  if (facts.synchronousCommit !== "on" && facts.synchronousCommit !== "remote_apply") {
    throw notDurable("synchronous_commit", facts.synchronousCommit);
  }
  if (!facts.fsync && !settings.allowFsyncOff) throw notDurable("fsync", "off");
  return facts;
}

function notDurable(setting: string, value: string): LedgerError {
  return new LedgerError(
    { code: "not-durable", setting, value },
    `Postgres has ${setting}=${value}: acknowledged shares could be lost in a crash. Set ${setting}=on.`,
  );
}
