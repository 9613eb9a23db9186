import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { LedgerError } from "./ledger-error.ts";

/** How to reach Postgres. One server only: point it at the address that follows the primary. */
export interface DatabaseOptions {
  /** Host name or address, or the folder of the server's Unix socket (starts with `/`). Default `localhost`. */
  readonly host?: string;
  /** Default 5432. */
  readonly port?: number;
  readonly user?: string;
  readonly password?: string;
  /** Default: the user's name. */
  readonly database?: string;
  /** Default `disable`. `require` encrypts without checking who answers; `verify-full` checks certificate and name. */
  readonly sslmode?: SslMode;
  /** PEM text of the authority that signed the server's certificate. */
  readonly sslRootCertificate?: string;
  /** Shown in `pg_stat_activity`. Default `lode`. */
  readonly applicationName?: string;
}

export type SslMode = "disable" | "prefer" | "require" | "verify-full";

const sslModes: readonly string[] = ["disable", "prefer", "require", "verify-full"] satisfies SslMode[];

const ENCODE =
  "in a user name or password, percent-encode the characters / ? # @ : and % (%2F %3F %23 %40 %3A %25)";

/**
 * Reads `postgres://user:password@host:port/database?sslmode=…`. The host may be a percent-encoded folder of a Unix socket,
 * also as `?host=/folder`. Known parameters: host, sslmode, sslrootcert (a file), application_name.
 *
 * @throws {LedgerError} `invalid-connection`; the message never repeats the URL
 */
export function parseDatabaseUrl(text: string): DatabaseOptions {
  let url: URL;
  try {
    // libpq takes `postgres://user@/database?host=/folder`; the URL standard wants a host behind a user.
    url = new URL(text.replace(/^(postgres(?:ql)?:\/\/[^/?#]*@)(?=[/?]|$)/, "$1localhost"));
  } catch {
    throw invalid(
      "url",
      `the database URL cannot be read; expected postgres://user:password@host:port/database; ${ENCODE}`,
    );
  }
  if (url.protocol !== "postgres:" && url.protocol !== "postgresql:") {
    throw invalid("url", "the database URL must start with postgres:// or postgresql://");
  }
  if (text.includes("#")) throw invalid("url", `the database URL has a #; ${ENCODE}`);
  if (/@|\/./.test(url.pathname.slice(1)))
    throw invalid("database", `the database URL has / or @ in the database's name; ${ENCODE}`);
  const options: { -readonly [K in keyof DatabaseOptions]: DatabaseOptions[K] } = {};
  if (url.hostname !== "") options.host = decoded(url.hostname, "host").replace(/^\[(.*)\]$/, "$1");
  if (url.port !== "") options.port = Number(url.port);
  if (url.username !== "") options.user = decoded(url.username, "user");
  if (url.password !== "") options.password = decoded(url.password, "password");
  if (url.pathname.length > 1) options.database = decoded(url.pathname.slice(1), "database");
  for (const [name, value] of url.searchParams) {
    switch (name) {
      case "host":
        options.host = value;
        break;
      case "application_name":
        options.applicationName = value;
        break;
      case "sslmode":
        if (!sslModes.includes(value))
          throw invalid("sslmode", `sslmode must be one of ${sslModes.join(", ")}`);
        options.sslmode = value as SslMode;
        break;
      case "sslrootcert":
        options.sslRootCertificate = readCertificate(value);
        break;
      default:
        // With an @ in it, what looks like parameters may be the end of a password.
        if (url.search.includes("@")) throw invalid("url", `the database URL has a ?; ${ENCODE}`);
        throw invalid(
          name,
          `the database URL has an unknown parameter ${JSON.stringify(name.slice(0, 64))}; known: host, application_name, sslmode, sslrootcert`,
        );
    }
  }
  if (options.host?.includes(","))
    throw invalid("host", "name one server: the address that follows the primary");
  return options;
}

/** `user@host:port/database` for logs: never a password. */
export function describeDatabase(options: DatabaseOptions | string): string {
  const { user, database } = resolveOptions(options);
  return `${user}@${placeOfDatabase(options)}/${database}`;
}

/** `host:port`, or the path of a Unix socket. */
export function placeOfDatabase(options: DatabaseOptions | string): string {
  const { host, port } = resolveOptions(options);
  return host.startsWith("/")
    ? `${host}/.s.PGSQL.${port}`
    : `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** Options with every default filled in, from a URL or from options. */
export function resolveOptions(options: DatabaseOptions | string) {
  const given = typeof options === "string" ? parseDatabaseUrl(options) : options;
  const user = given.user ?? "lode";
  return {
    host: given.host ?? "localhost",
    port: given.port ?? 5432,
    user,
    password: given.password ?? "",
    database: given.database ?? user,
    applicationName: given.applicationName ?? "lode",
    ssl: sslOption(given),
  };
}

/** {@link DatabaseOptions} with every default filled in. */
export type ResolvedOptions = ReturnType<typeof resolveOptions>;

function sslOption({ sslmode = "disable", sslRootCertificate }: DatabaseOptions) {
  if (sslmode === "disable") return false;
  if (sslmode !== "verify-full") return sslmode;
  return sslRootCertificate === undefined
    ? ({ rejectUnauthorized: true } as const)
    : { rejectUnauthorized: true, ca: sslRootCertificate };
}

function readCertificate(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw invalid("sslrootcert", `cannot read the file named by sslrootcert: ${file}`, cause);
  }
}

function decoded(text: string, field: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(field, `the database URL's ${field} is not percent-encoded correctly; ${ENCODE}`);
  }
}

function invalid(field: string, message: string, cause?: unknown): LedgerError {
  return new LedgerError(
    { code: "invalid-connection", field },
    message,
    cause === undefined ? {} : { cause },
  );
}
