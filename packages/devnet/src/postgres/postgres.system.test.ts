import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { afterEach, describe, expect, it } from "vitest";
import { type EmbeddedPostgres, startPostgres } from "./postgres.ts";
import { commandLineOf } from "./processes.ts";

const isRoot = process.getuid?.() === 0;
const NOBODY = { uid: 65_534, gid: 65_534 };
/** Root may run a Node, or a checkout, that lies where nobody else can enter. */
const nobodyCanRunThis =
  isRoot &&
  [
    [process.execPath, "--version"],
    ["test", "-r", import.meta.filename],
  ].every(
    ([program = "", ...args]) =>
      spawnSync(program, args, { ...NOBODY, cwd: "/", stdio: "ignore" }).status === 0,
  );
const cleanUp: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "lode-postgres-test-"));
  cleanUp.push(() => rmSync(path, { recursive: true, force: true }));
  // mkdtemp makes 0700: the user that runs Postgres for root must be able to enter.
  chmodSync(path, 0o755);
  return path;
}

async function start(dataDir: string): Promise<EmbeddedPostgres> {
  const server = await startPostgres({ dataDir, durable: true });
  cleanUp.push(() => server.stop());
  return server;
}

/** What a process of its own says about the server it started. */
type Said = Pick<EmbeddedPostgres, "url" | "pid" | "location" | "user">;

async function startInOwnProcess(
  dataDir: string,
  as: { uid?: number; gid?: number },
): Promise<{ process: ChildProcess; line: Said }> {
  const code = `
    const { startPostgres } = await import(${JSON.stringify(import.meta.resolve("./postgres.ts"))});
    const { url, pid, location, user } = await startPostgres({ dataDir: process.argv[1], durable: false });
    console.log(JSON.stringify({ url, pid, location, user }));
    setInterval(() => {}, 1000);`;
  const child = spawn(
    process.execPath,
    [
      "--import",
      import.meta.resolve("tsx"),
      "--conditions=source",
      "--input-type=module",
      "-e",
      code,
      dataDir,
    ],
    { stdio: ["ignore", "pipe", "inherit"], ...as },
  );
  cleanUp.push(() => child.kill("SIGKILL"));
  const [bytes] = (await once(child.stdout, "data")) as [Buffer];
  return { process: child, line: JSON.parse(bytes.toString()) as Said };
}

async function query(
  server: Pick<EmbeddedPostgres, "url">,
  text: string,
): Promise<Record<string, unknown>[]> {
  const sql = postgres(server.url, { max: 1, fetch_types: false, onnotice: () => {} });
  try {
    return [...(await sql.unsafe(text))];
  } finally {
    await sql.end({ timeout: 1 });
  }
}

describe("the embedded Postgres", () => {
  it("keeps its data over an orderly stop and over a kill", async () => {
    const dataDir = folder();
    const first = await start(dataDir);
    await query(first, "create table t as select 1 as a");
    await first.stop();
    const second = await start(dataDir);
    await query(second, "insert into t values (2); checkpoint");
    await second.kill();
    const third = await start(dataDir);
    expect(await query(third, "select a from t order by a")).toEqual([{ a: 1 }, { a: 2 }]);
    expect(statSync(join(dataDir, "postgres-password")).mode & 0o777).toBe(0o600);
  });

  it("stops the server that a killed process left behind in the same directory, and no other", async () => {
    const dataDir = folder();
    const left = await start(dataDir);
    const other = await start(folder());
    const next = await start(dataDir);
    expect(next.pid).not.toBe(left.pid);
    expect(await query(next, "select 1 as a")).toEqual([{ a: 1 }]);
    expect(await query(other, "select 1 as a")).toEqual([{ a: 1 }]);
  });

  it("makes its cluster anew when the making was cut off", async () => {
    const dataDir = folder();
    mkdirSync(join(dataDir, "postgres.new", "base"), { recursive: true });
    writeFileSync(join(dataDir, "postgres.new", "PG_VERSION"), "18\n");
    const server = await start(dataDir);
    expect(await query(server, "select 1 as a")).toEqual([{ a: 1 }]);
    expect(existsSync(join(dataDir, "postgres.new"))).toBe(false);
  });

  it("starts although its lock file names a stranger that lives", async () => {
    const dataDir = folder();
    const first = await start(dataDir);
    await first.stop();
    const { user, location } = first;
    const stranger = spawn("sleep", ["600"], user === null ? {} : { uid: user.uid, gid: user.gid });
    cleanUp.push(() => stranger.kill());
    const lock = join(location.cluster, "postmaster.pid");
    writeFileSync(lock, `${stranger.pid}\n${location.cluster}\n1\n0\n\n`, { mode: 0o600 });
    if (user !== null) chownSync(lock, user.uid, user.gid);
    const second = await start(dataDir);
    expect(await query(second, "select 1 as a")).toEqual([{ a: 1 }]);
    expect(stranger.exitCode).toBeNull();
    expect(stranger.signalCode).toBeNull();
  });

  it("ends with the process that started it, also when that is killed", async () => {
    const { process: owner, line } = await startInOwnProcess(folder(), {});
    expect(commandLineOf(line.pid)).toContain("postgres");
    owner.kill("SIGKILL");
    await expect.poll(() => commandLineOf(line.pid), { timeout: 15_000 }).toBeNull();
  });

  it.skipIf(!nobodyCanRunThis)(
    "runs as the user that starts it when that is not root (needs root to become one, and a Node and checkout that one can read)",
    async () => {
      const { uid, gid } = NOBODY;
      const dataDir = folder();
      chownSync(dataDir, uid, gid);
      const { line } = await startInOwnProcess(dataDir, { uid, gid });
      expect(line).toMatchObject({ user: null, location: { moved: false } });
      expect(statSync(line.location.cluster).uid).toBe(uid);
      expect(await query(line, "select 1 as a")).toEqual([{ a: 1 }]);
    },
  );

  it("needs its password", async () => {
    const server = await start(folder());
    const url = server.url.replace(/:[^:@]+@/, ":wrong@");
    await expect(query({ ...server, url }, "select 1")).rejects.toThrow(/password/);
  });

  it.skipIf(!isRoot)(
    "moves to a directory of its user when started as root below a directory only root can enter (needs root)",
    async () => {
      const home = folder();
      chmodSync(home, 0o700);
      const dataDir = join(home, "checkout", ".lode");
      mkdirSync(dataDir, { recursive: true });
      const server = await start(dataDir);
      expect(server.location.moved).toBe(true);
      const note = readFileSync(join(dataDir, "postgres-location"), "utf8").trim();
      cleanUp.push(() => rmSync(note, { recursive: true, force: true }));
      expect(server.location.cluster.startsWith(note)).toBe(true);
      expect(statSync(note).uid).toBe(server.user?.uid);
      await query(server, "create table t as select 1 as a");
      await server.stop();
      const again = await start(dataDir);
      expect(again.location).toEqual(server.location);
      expect(await query(again, "select a from t")).toEqual([{ a: 1 }]);
    },
  );

  it.skipIf(isRoot)("runs as this user when that is not root (needs another user than root)", async () => {
    const server = await start(folder());
    expect(server.user).toBeNull();
    expect(server.location.moved).toBe(false);
  });
});
