import { DeadlineExceeded, DependencyError } from "@lode/ports";
import { type DatabaseOptions, placeOfDatabase, resolveOptions } from "./connection-options.ts";
import { LedgerError } from "./ledger-error.ts";
import { MigrationError } from "./migration-error.ts";
import { classifyFailure, sqlstateOf } from "./server-failure.ts";

/** Where the database is, and which setting says so: `database.url`, `--url`. */
export interface DatabasePlace {
  readonly connection: DatabaseOptions | string;
  readonly setting: string;
}

/**
 * What a failure of Postgres means to the operator, as a {@link DependencyError}. Errors that say already what to do, and
 * those that are none of the database's, come back as they are.
 */
export function explainDatabaseFailure(error: unknown, place: DatabasePlace): unknown {
  if (error instanceof DependencyError) return error;
  const { code, temporary, says } = explanation(error, place) ?? {};
  if (code === undefined || temporary === undefined) return error;
  const server = `Postgres at ${placeOfDatabase(place.connection)}`;
  return new DependencyError({ code, temporary }, `${server} ${says}`, { cause: error });
}

interface Explanation {
  readonly code: string;
  readonly temporary: boolean;
  readonly says: string;
}

function explanation(error: unknown, place: DatabasePlace): Explanation | null {
  const { setting } = place;
  if (error instanceof LedgerError) return ofLedger(error, place);
  if (error instanceof DeadlineExceeded) return passing("timeout", NO_ANSWER);
  if (error instanceof MigrationError) return ofMigration(error, place);
  const sqlstate = sqlstateOf(error);
  if (sqlstate === null) return isDriverError(error) ? unreachable(error, setting) : null;
  const { user, database } = resolveOptions(place.connection);
  const quoted = JSON.stringify((error as Error).message.slice(0, 200));
  switch (sqlstate) {
    case "28P01":
      return wrong("access", `refuses the password of user ${user} (${quoted}): correct ${setting}`);
    case "28000":
      return wrong(
        "access",
        `refuses user ${user} (${quoted}): correct ${setting}, or create the role and allow it in pg_hba.conf`,
      );
    case "3D000":
      return wrong(
        "no-database",
        `has no database ${database}: create it with \`createdb ${database}\`, or correct ${setting}`,
      );
    case "42501":
      return wrong(
        "no-privilege",
        `does not let user ${user} do what is needed (${quoted}): grant it, or name another user in ${setting}`,
      );
    case "08P01":
      return /pooling|pooler/i.test((error as Error).message) ? pooler(setting) : null;
    case "42P05":
    case "26000":
      return pooler(setting);
  }
  const failure = classifyFailure(error);
  if (failure.kind === "transient") return passing(failure.reason, TRANSIENT[failure.reason](quoted));
  if (failure.kind === "schema-missing") return schemaMissing(place);
  return null;
}

const passing = (code: string, says: string): Explanation => ({ code, temporary: true, says });
const NO_ANSWER = "does not answer in time: is it overloaded, or is something else listening there?";
const wrong = (code: string, says: string): Explanation => ({ code, temporary: false, says });

/** A pooler that passes its server sessions from client to client between statements. */
export function pooler(setting: string): Explanation {
  return wrong(
    "pooler",
    `is behind a pooler that lends its sessions by the transaction or statement: point ${setting} at Postgres itself, or set pool_mode = session`,
  );
}

function ofMigration(error: MigrationError, place: DatabasePlace): Explanation | null {
  switch (error.type.code) {
    case "failed": {
      const cause = explanation(error.cause, place);
      return cause ?? wrong("migration-failed", `refuses a migration (${error.message})`);
    }
    // Another process may be about to apply them.
    case "pending":
      return passing("migrations-pending", `is not up to date: ${error.message}`);
    case "database-too-new":
    case "checksum-changed":
    case "out-of-order":
      return wrong(error.type.code, `does not fit this release: ${error.message}`);
    default:
      return null;
  }
}

function schemaMissing({ connection }: DatabasePlace): Explanation {
  return wrong(
    "schema-missing",
    `has no tables of Lode in ${resolveOptions(connection).database}: run \`lode db migrate\``,
  );
}

/** How the message goes on for failures that may pass, with the server's own words. */
const TRANSIENT: Readonly<
  Record<
    Extract<ReturnType<typeof classifyFailure>, { kind: "transient" }>["reason"],
    (quoted: string) => string
  >
> = {
  timeout: (quoted) => `does not answer in time (${quoted})`,
  connection: (quoted) => `cut the connection (${quoted})`,
  "disk-full": (quoted) => `has no room on its disk (${quoted}): make some`,
  resources: (quoted) => `is out of resources (${quoted}): raise max_connections or end other clients`,
  "read-only": (quoted) => `only reads (${quoted}): is it a standby?`,
  shutdown: (quoted) => `is starting or stopping (${quoted})`,
  access: (quoted) => `refuses the login (${quoted})`,
  contention: (quoted) => `is held up by a lock (${quoted})`,
  replication: (quoted) => `waits for its standby (${quoted})`,
  io: (quoted) => `has trouble with its disk (${quoted})`,
};

function ofLedger(error: LedgerError, place: DatabasePlace): Explanation | null {
  const { type, cause } = error;
  switch (type.code) {
    case "unavailable":
      if (type.reason === "read-only" && cause === undefined)
        return passing(
          "read-only",
          "is a standby or read-only: name the primary, or wait until it has taken over",
        );
      if (type.reason === "timeout" && type.sqlstate === null) return passing("timeout", NO_ANSWER);
      return explanation(cause, place);
    case "not-durable":
      return wrong(
        "not-durable",
        `has ${type.setting}=${type.value}, so acknowledged shares could be lost in a crash: set ${type.setting}=on`,
      );
    case "schema-missing":
      return schemaMissing(place);
    case "refused":
      return explanation(cause, place);
    default:
      return null;
  }
}

function isDriverError(error: unknown): error is Error & { code: string } {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    DRIVER_CODE.test(error.code)
  );
}

/** System errors of a socket, TLS, and postgres.js' own codes for connections. */
const DRIVER_CODE =
  /^(E[A-Z]+(_[A-Z]+)*|CONNECT_TIMEOUT|CONNECTION_[A-Z]+|[A-Z_]*(CERT|SSL|TLS|SIGN)[A-Z_]*)$/;

function unreachable(error: Error & { code: string }, setting: string): Explanation {
  if (/CERT|SIGN|ALTNAME/.test(error.code)) {
    return wrong(
      "bad-certificate",
      `has a certificate that cannot be trusted (${error.code}): correct it, or sslrootcert in ${setting}`,
    );
  }
  return passing(
    "unreachable",
    `cannot be reached (${error.code}): is it running there, and is ${setting} right?`,
  );
}
