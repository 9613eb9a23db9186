import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CodedError, type Logger, silentLogger, systemClock, systemRandom } from "@lode/ports";
import postgres from "postgres";
import { embeddedPostgres } from "./binaries.ts";
import { environmentFor, stopLeftover } from "./leftover.ts";
import { locate, type PostgresLocation } from "./location.ts";
import { childrenOf } from "./processes.ts";
import { type PostgresUser, unprivilegedUser } from "./run-as.ts";
import { stopWithParent } from "./sentinel.ts";

/** Why the embedded Postgres does not run; `detail` is the end of what it printed. */
export class PostgresError extends CodedError<
  { code: "initdb-failed"; detail: string } | { code: "postgres-failed"; detail: string }
> {}

export interface StartPostgresOptions {
  /** Holds the cluster, its password and its log. A second start continues from it. */
  readonly dataDir: string;
  /** TCP port on loopback; a free one by default. */
  readonly port?: number;
  /** False: fsync and synchronous_commit are off, for tests whose data nobody needs. */
  readonly durable: boolean;
  readonly logger?: Logger;
}

/** A running Postgres of our own. */
export interface EmbeddedPostgres {
  readonly url: string;
  readonly pid: number;
  readonly port: number;
  readonly location: PostgresLocation;
  /** Who runs it, when that is not this process's user. */
  readonly user: PostgresUser | null;
  /** Ends it in order. */
  stop(): Promise<void>;
  /** Ends it as a power failure would: SIGKILL for the server and all its processes. */
  kill(): Promise<void>;
}

const USER = "lode";
const DATABASE = "lode";
const READY_WITHIN_MS = 60_000;
const POLL_MS = 50;
const STOP_WITHIN_MS = 20_000;

/**
 * Starts the Postgres that npm installed, on loopback, with a password of its own. A server left over from a process that
 * was killed is stopped first.
 *
 * @throws PostgresError, NoPostgresError, NoUserError
 */
export async function startPostgres(options: StartPostgresOptions): Promise<EmbeddedPostgres> {
  const logger = options.logger ?? silentLogger;
  const user = unprivilegedUser();
  const location = locate(options.dataDir, embeddedPostgres(), user);
  if (location.moved) {
    logger.warn(
      { cluster: location.cluster, user: user?.name },
      "the data directory is out of reach for the user that runs Postgres; its cluster lies elsewhere",
    );
  }
  await stopLeftover(location.cluster, systemClock);
  const password = existsSync(join(location.cluster, "PG_VERSION"))
    ? readFileSync(passwordFile(options), "utf8").trim()
    : initialise(options, location, user);
  const port = options.port ?? (await freePort());
  const child = launch(options, location, user, port);
  const url = (database: string) => `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`;
  await untilReady(url("postgres"), child, logFile(options));
  await createDatabase(url("postgres"));
  return {
    url: url(DATABASE),
    pid: child.pid ?? 0,
    port,
    location,
    user,
    stop: () => end(child, "SIGINT"),
    kill: () => killAll(child),
  };
}

function passwordFile({ dataDir }: StartPostgresOptions): string {
  return join(dataDir, "postgres-password");
}

function logFile({ dataDir }: StartPostgresOptions): string {
  return join(dataDir, "postgres.log");
}

function initialise(
  options: StartPostgresOptions,
  location: PostgresLocation,
  user: PostgresUser | null,
): string {
  const password = Buffer.from(systemRandom(18)).toString("base64url");
  // Made beside its place and moved there when complete: a process that is killed meanwhile leaves no half of a cluster.
  const unfinished = `${location.cluster}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  if (user !== null) chownSync(unfinished, user.uid, user.gid);
  const folder = mkdtempSync(join(tmpdir(), "lode-initdb-"));
  const file = join(folder, "password");
  try {
    writeFileSync(file, password, { mode: 0o600 });
    if (user !== null) {
      chownSync(file, user.uid, user.gid);
      chownSync(folder, user.uid, user.gid);
    }
    const args = ["-D", unfinished, "-U", USER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"];
    if (!options.durable) args.push("--no-sync");
    const { status, stderr, stdout } = spawnSync(
      join(location.software, "bin", "initdb"),
      [...args, `--pwfile=${file}`],
      { encoding: "utf8", cwd: "/", ...asUser(user) },
    );
    if (status !== 0) {
      const detail = `${stdout}${stderr}`.trim().slice(-2_000);
      throw new PostgresError(
        { code: "initdb-failed", detail },
        `the Postgres cluster cannot be made: ${detail}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  writeFileSync(passwordFile(options), `${password}\n`, { mode: 0o600 });
  renameSync(unfinished, location.cluster);
  return password;
}

function launch(
  options: StartPostgresOptions,
  location: PostgresLocation,
  user: PostgresUser | null,
  port: number,
): ChildProcess {
  const settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=50"];
  if (!options.durable) settings.push("fsync=off", "synchronous_commit=off", "full_page_writes=off");
  const log = openSync(logFile(options), "a");
  try {
    // A process group of its own: Ctrl-C in a terminal must not stop the database before those who use it.
    const child = spawn(
      join(location.software, "bin", "postgres"),
      ["-D", location.cluster, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])],
      {
        cwd: "/",
        detached: true,
        stdio: ["ignore", log, log],
        env: environmentFor(location.cluster),
        ...asUser(user),
      },
    );
    stopWithParent(child, location.cluster, asUser(user));
    return child;
  } finally {
    closeSync(log);
  }
}

function asUser(user: PostgresUser | null): { uid?: number; gid?: number } {
  return user === null ? {} : { uid: user.uid, gid: user.gid };
}

async function untilReady(url: string, child: ChildProcess, log: string): Promise<void> {
  const deadline = systemClock.monotonic() + READY_WITHIN_MS;
  while (child.exitCode === null && child.signalCode === null && systemClock.monotonic() < deadline) {
    const sql = postgres(url, { max: 1, connect_timeout: 5, fetch_types: false, onnotice: () => {} });
    try {
      await sql`select 1`;
      return;
    } catch {
      await pause(POLL_MS);
    } finally {
      await sql.end({ timeout: 1 });
    }
  }
  child.kill("SIGKILL");
  const detail = readFileSync(log, "utf8").trim().slice(-2_000);
  throw new PostgresError(
    { code: "postgres-failed", detail },
    `the embedded Postgres does not start: ${detail}`,
  );
}

async function createDatabase(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => {} });
  try {
    const found = await sql`select 1 from pg_database where datname = ${DATABASE}`;
    if (found.length === 0) await sql.unsafe(`create database ${DATABASE}`);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const late = systemClock.after(STOP_WITHIN_MS, () => child.kill("SIGKILL"));
    child.once("exit", () => {
      late.cancel();
      resolve();
    });
    child.kill(signal);
  });
}

/** The server first, so that it starts no more; its workers have sessions of their own and are named one by one. */
async function killAll(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const workers = childrenOf(child.pid);
  child.kill("SIGKILL");
  for (const pid of workers) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone by itself.
    }
  }
  await gone;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.after(ms, resolve));
}
