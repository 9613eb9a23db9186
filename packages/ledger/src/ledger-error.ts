import { CodedError } from "@lode/ports";

/** What kept an answer away. Every one of them may pass, so the same bytes are sent again. */
export type TransientReason =
  /** No answer within the deadline. */
  | "timeout"
  /** The connection failed or could not be opened. */
  | "connection"
  /** The disk is full (53100) or another resource ran out (class 53). */
  | "disk-full"
  | "resources"
  /** The server only reads: a standby, or a failover is going on (25006). */
  | "read-only"
  /** The server is stopping, starting or was told to cut this connection (class 57). */
  | "shutdown"
  /** The server refused the login (class 28): a password or rule was changed under a running pool. */
  | "access"
  /** A lock was not granted, a deadlock, a serialization failure (classes 40, 55). */
  | "contention"
  /** The commit is on the primary, a standby's confirmation was given up by an administrator. */
  | "replication"
  /** A system error of the server (class 58). */
  | "io";

/** Failures of the ledger's database access. `sqlstate` is the server's code where it sent one. */
export type LedgerErrorType =
  /** The batch may or may not be stored: commit the same bytes again under the same key. */
  | { readonly code: "unknown-outcome"; readonly reason: TransientReason; readonly sqlstate: string | null }
  /** Another batch is stored under this key. Fatal: two processes use one run, or memory is broken. */
  | { readonly code: "batch-conflict"; readonly run: string; readonly seq: number }
  /** The database cannot be reached or used now (start check, queries). */
  | { readonly code: "unavailable"; readonly reason: TransientReason; readonly sqlstate: string | null }
  /** Tables or functions are missing: migrations have not run. */
  | { readonly code: "schema-missing"; readonly sqlstate: string | null }
  /** The server refused the statement for good. */
  | { readonly code: "refused"; readonly sqlstate: string | null }
  /** A server setting would lose acknowledged shares. */
  | { readonly code: "not-durable"; readonly setting: string; readonly value: string }
  /** A connection URL or option that cannot be used. The text never repeats the URL: it may hold a password. */
  | { readonly code: "invalid-connection"; readonly field: string }
  /** A partition of share batches holds some whose shares are in no books yet. */
  | { readonly code: "not-folded"; readonly partition: string }
  /** No partition of share batches has this name. */
  | { readonly code: "no-such-partition"; readonly partition: string }
  /** The store was closed. */
  | { readonly code: "closed" };

/** Thrown by everything in the ledger that talks to Postgres, migrations aside. */
export class LedgerError extends CodedError<LedgerErrorType> {}
