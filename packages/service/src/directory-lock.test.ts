import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";

let directory: string;
const held: DirectoryLock[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "lode-lock-"));
});
afterEach(() => {
  for (const one of held.splice(0)) one.release();
  rmSync(directory, { recursive: true, force: true });
});

async function take(path = directory, name = "pool"): Promise<DirectoryLock> {
  const lock = await lockDirectory(path, { name, setting: "pool.data_dir" });
  held.push(lock);
  return lock;
}

const inUse = {
  type: { code: "exit", exitCode: 69 },
  message: expect.stringMatching(
    /^the data directory .* is in use by .*: stop it, or choose another directory/,
  ),
};

/** Another process that listens on a socket, and dies of SIGKILL. */
async function killedHolder(socket: string): Promise<void> {
  const script = `require("net").createServer().listen(${JSON.stringify(socket)}, () => console.log("up"))`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
}

describe("the lock of a data directory", () => {
  it("is one process's, who is named, and free after its release", async () => {
    const lock = await take();
    await expect(take()).rejects.toMatchObject({
      ...inUse,
      message: expect.stringContaining(`in use by process ${process.pid} on `),
    });
    lock.release();
    expect(readdirSync(directory)).toEqual([]);
    await take();
  });

  it("makes the directory, and leaves other locks of it alone", async () => {
    await take(join(directory, "a/b"));
    await take(join(directory, "a/b"), "dev");
  });

  it("outlives no process, however that ends", async () => {
    await killedHolder(join(directory, "pool.lock"));
    expect(existsSync(join(directory, "pool.lock"))).toBe(true);
    await take();
    await expect(take()).rejects.toMatchObject(inUse);
  });

  it("is taken once when many processes find the leftover at once", async () => {
    await killedHolder(join(directory, "pool.lock"));
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => take()));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(existsSync(join(directory, "pool.lock.taking"))).toBe(false);
  });

  it("is taken over although another process died while it took over", async () => {
    await killedHolder(join(directory, "pool.lock"));
    const mark = join(directory, "pool.lock.taking");
    mkdirSync(mark);
    utimesSync(mark, new Date(0), new Date(0));
    await take();
  });

  it("takes a file of another kind for a leftover", async () => {
    writeFileSync(join(directory, "pool.lock"), "4711\n");
    await take();
  });

  it("belongs to a holder that does not answer", async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(join(directory, "pool.lock"), resolve));
    await expect(take()).rejects.toMatchObject({
      ...inUse,
      message: expect.stringContaining("another process"),
    });
    silent.close();
  });

  it("holds where the path is longer than a socket's may be", async () => {
    const long = join(directory, "d".repeat(200));
    const lock = await take(long);
    await expect(take(long)).rejects.toMatchObject(inUse);
    lock.release();
    await take(long);
  });

  it.skipIf(process.getuid?.() === 0)("says when the directory cannot be written", async () => {
    chmodSync(directory, 0o500);
    await expect(take()).rejects.toMatchObject({ message: expect.stringContaining("no permission") });
  });

  it("says when the path is no directory", async () => {
    writeFileSync(join(directory, "file"), "");
    await expect(take(join(directory, "file"))).rejects.toMatchObject({
      message: expect.stringMatching(/cannot use the data directory .*file \(pool.data_dir\)/),
    });
  });
});
