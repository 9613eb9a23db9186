import type { TransientReason } from "./ledger-error.ts";

/** What an error of the driver means for a statement that was under way. */
export type ServerFailure =
  | { readonly kind: "transient"; readonly reason: TransientReason; readonly sqlstate: string | null }
  | { readonly kind: "schema-missing"; readonly sqlstate: string }
  | { readonly kind: "refused"; readonly sqlstate: string };

/** Whole codes before their classes (PostgreSQL manual, appendix A). */
const transientCodes: Readonly<Record<string, TransientReason>> = {
  "25006": "read-only", // read_only_sql_transaction
  "25P03": "shutdown", // idle_in_transaction_session_timeout
  "53100": "disk-full",
  "57014": "timeout", // query_canceled: statement_timeout
  "26000": "connection", // invalid_sql_statement_name: something between us and the server lost the session
};

const transientClasses: Readonly<Record<string, TransientReason>> = {
  "08": "connection",
  "28": "access",
  "40": "contention",
  "53": "resources",
  "55": "contention",
  "57": "shutdown",
  "58": "io",
};

const schemaMissing = new Set(["3F000", "42P01", "42883", "42703", "42704"]);

/** A commit reached the primary's disk, then an administrator ended the wait for the standby (01000 with this routine). */
export function isReplicationWarning(notice: object): boolean {
  return "routine" in notice && notice.routine === "SyncRepWaitForLSN";
}

/** Reads what the driver threw. Anything without an SQLSTATE is a failure of the connection. */
export function classifyFailure(error: unknown): ServerFailure {
  const sqlstate = sqlstateOf(error);
  if (sqlstate === null) return { kind: "transient", reason: "connection", sqlstate: null };
  const reason = transientCodes[sqlstate] ?? transientClasses[sqlstate.slice(0, 2)];
  if (reason !== undefined) return { kind: "transient", reason, sqlstate };
  if (schemaMissing.has(sqlstate)) return { kind: "schema-missing", sqlstate };
  return { kind: "refused", sqlstate };
}

/** The server's five-character code, or null when the server did not speak. */
export function sqlstateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || !("severity" in error)) return null;
  const { code } = error;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}
