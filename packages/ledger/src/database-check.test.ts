import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DependencyError, systemClock } from "@lode/ports";
import { startTestDatabase, type TestDatabase } from "@lode/testing/database";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkDatabase, prepareDatabase } from "./database-check.ts";
import { PostgresShareStore } from "./postgres-share-store.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase({ migrated: false });
}, 60_000);
afterAll(() => database.close());

const url = (change: (url: URL) => void) => {
  const changed = new URL(database.url);
  change(changed);
  return changed.href;
};

async function failure(connection: string, answerWithinMs = 10_000): Promise<string> {
  try {
    await checkDatabase({ connection, setting: "database.url", allowFsyncOff: true, answerWithinMs });
    return "fine";
  } catch (error) {
    if (!(error instanceof DependencyError)) throw error;
    expect(error.message).toMatch(/^Postgres at [^\n]{20,400}$/);
    return `${error.temporary ? "waits" : "wrong"}: ${error.message}`;
  }
}

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe("the check of the database", () => {
  it("passes where shares could be recorded, before any table is there", async () => {
    expect(await failure(database.url)).toBe("fine");
  });

  it("says in a sentence what is not there yet and what is wrong", async () => {
    const port = await freePort();
    expect(await failure(url((one) => (one.port = String(port))))).toBe(
      `waits: Postgres at ${new URL(database.url).hostname}:${port} cannot be reached (ECONNREFUSED): is it running there, and is database.url right?`,
    );
    expect(await failure(url((one) => (one.pathname = "/absent")))).toMatch(
      /^wrong: .* has no database absent: create/,
    );
    expect(await failure(url((one) => (one.username = "nobody-of-ours")))).toMatch(
      /^wrong: .* refuses (user|the password of user) nobody-of-ours/,
    );
    await expect(
      checkDatabase({ connection: database.url, setting: "database.url", allowFsyncOff: false }),
    ).rejects.toThrow("has fsync=off, so acknowledged shares could be lost in a crash: set fsync=on");
  });

  it("names a role that may not create tables", async () => {
    const { sql } = database;
    await sql`create role visitor login`;
    await sql.unsafe("revoke create on schema public from public");
    const connection = url((one) => {
      one.username = "visitor";
      one.password = "";
    });
    const store = new PostgresShareStore({ connection, clock: systemClock, allowFsyncOff: true });
    const prepared = prepareDatabase(store, { connection, setting: "database.url", allowFsyncOff: true });
    await expect(prepared).rejects.toThrow(/does not let user visitor do what is needed|refuses/);
    await store.close();
    await sql`drop role visitor`;
  });

  it("tells a server that says nothing from one that is away", async () => {
    const silent = createServer((socket) => socket.on("error", () => {}));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    const connection = `postgres://lode@127.0.0.1:${port}/lode`;
    expect(await failure(connection, 200)).toMatch(/^waits: .* (does not answer in time|cannot be reached)/);
    silent.close();
  });
});

const PGBOUNCER = "pgbouncer";
const hasPgbouncer = spawnSync(PGBOUNCER, ["--version"]).status === 0;

describe.skipIf(!hasPgbouncer)("a pooler in front of Postgres", () => {
  it.each([
    ["session", "fine"],
    [
      "transaction",
      "wrong: Postgres at 127.0.0.1:PORT is behind a pooler that lends its sessions by the transaction",
    ],
    [
      "statement",
      "wrong: Postgres at 127.0.0.1:PORT is behind a pooler that lends its sessions by the transaction",
    ],
  ])("in %s mode", async (mode, expected) => {
    const bouncer = await startPgbouncer(mode);
    try {
      const through = url((one) => {
        one.host = `127.0.0.1:${bouncer.port}`;
      });
      expect(await failure(through)).toContain(expected.replace("PORT", String(bouncer.port)));
    } finally {
      bouncer.stop();
    }
  });
});

async function startPgbouncer(mode: string): Promise<{ port: number; stop(): void }> {
  const folder = mkdtempSync(join(tmpdir(), "lode-pgbouncer-"));
  chmodSync(folder, 0o755);
  const { hostname, port: serverPort, username, password, pathname } = new URL(database.url);
  const port = await freePort();
  const name = pathname.slice(1);
  const login = `user=${username} ${password === "" ? "" : `password=${decodeURIComponent(password)}`}`;
  writeFileSync(
    join(folder, "pgbouncer.ini"),
    `[databases]
${name} = host=${hostname} port=${serverPort} dbname=${name} ${login}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
`,
  );
  const user = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
  const child: ChildProcess = spawn(PGBOUNCER, [...user, join(folder, "pgbouncer.ini")], {
    stdio: "ignore",
  });
  await listening(port);
  return {
    port,
    stop() {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function listening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: "127.0.0.1" });
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("close", () => socket.destroy());
      setTimeout(() => socket.destroy(), 1_000).unref();
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("pgbouncer does not listen");
}
