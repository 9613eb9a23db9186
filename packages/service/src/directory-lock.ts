import { createHash } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  realpathSync,
  rmdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Clock, systemClock } from "@lode/ports";
import { ExitCode, ExitError, explainSystemError } from "./exit.ts";
import { makeDirectory } from "./make-directory.ts";

/** A directory that only this process uses. */
export interface DirectoryLock {
  /** Lets another process use the directory. */
  release(): void;
}

/** Longest path of a Unix socket that every system takes, bytes. */
const MAX_SOCKET_PATH = 100;
/** A holder that was stopped or is busy may take this long to say who it is. */
const ANSWER_MS = 1_000;
/** Taking over takes milliseconds; a process that died meanwhile leaves a mark that counts no longer than this. */
const TAKEOVER_MS = 5_000;
const RETRY_MS = 50;
/** What file systems without sockets answer: some that share a folder with a virtual machine. */
const NO_SOCKETS: ReadonlySet<string> = new Set(["EPERM", "EINVAL", "ENOTSUP", "EOPNOTSUPP"]);

/**
 * Takes a directory for this process, making it where it is missing. The lock is a Unix socket in the directory on which
 * the holder listens: the kernel ends it with the process however that dies, process ids need not mean anything (they do
 * not in containers that share a volume), and who asks is told who holds it. Machines that share a file system over the
 * network do not see each other.
 *
 * @param name several locks of one directory have different names
 * @param setting what names the directory, for messages: `pool.data_dir`
 * @throws ExitError 69 when another process has it, or it cannot be written
 */
export async function lockDirectory(
  directory: string,
  { name, setting, clock = systemClock }: DirectoryLockOptions,
): Promise<DirectoryLock> {
  let place: LockPlace | undefined;
  try {
    makeDirectory(directory);
    place = new LockPlace(realpathSync(directory), `${name}.lock`);
    for (;;) {
      const server = await listen(place);
      if (server !== null) return { release: place.close.bind(place, server) };
      const holder = await askHolder(place.address);
      if (holder !== null) {
        throw new ExitError(
          ExitCode.unavailable,
          `the data directory ${directory} is in use by ${holder}: stop it, or choose another directory (${setting})`,
        );
      }
      await removeLeftover(place, clock);
    }
  } catch (error) {
    place?.close();
    throw explainSystemError(error, `use the data directory ${directory} (${setting})`);
  }
}

/** Settings of {@link lockDirectory}. */
export interface DirectoryLockOptions {
  /** Several locks of one directory have different names. */
  readonly name: string;
  /** What names the directory, for messages: `pool.data_dir`. */
  readonly setting: string;
  readonly clock?: Clock;
}

/** Where the socket lies, and by which address a system call takes it. */
class LockPlace {
  path: string;
  address: string;
  #directory: number | undefined;

  constructor(directory: string, file: string) {
    this.path = join(directory, file);
    this.address = this.path;
    if (Buffer.byteLength(this.path) <= MAX_SOCKET_PATH) return;
    if (process.platform !== "linux") {
      this.leaveDirectory();
      return;
    }
    this.#directory = openSync(directory, "r");
    this.address = `/proc/self/fd/${this.#directory}/${file}`;
  }

  /** For file systems without sockets: at least this machine's processes see each other. */
  leaveDirectory(): void {
    const digest = createHash("sha256").update(this.path).digest("hex").slice(0, 16);
    this.path = join(tmpdir(), `lode-${digest}.lock`);
    this.address = this.path;
  }

  /** Closing a server removes its socket, by its address, in which the directory may have its number. */
  close(server?: Server): void {
    server?.close();
    if (this.#directory !== undefined) closeSync(this.#directory);
    this.#directory = undefined;
  }
}

/** Listens for those who ask; null when the file is there already. */
async function listen(place: LockPlace): Promise<Server | null> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(`process ${process.pid} on ${hostname()}\n`);
  });
  server.maxConnections = 16;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(place.address, resolve);
    });
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") return null;
    if (!NO_SOCKETS.has(code) || !isWritable(dirname(place.path))) throw error;
    place.leaveDirectory();
    return listen(place);
  }
  server.on("error", () => {});
  server.unref();
  return server;
}

/** Who listens at the socket; null when nobody does any more. */
function askHolder(address: string): Promise<string | null> {
  return new Promise((resolve, reject) => {
    let said = "";
    const socket = connect(address);
    const answer = () => resolve(said.split("\n")[0]?.slice(0, 200) || "another process");
    socket.setTimeout(ANSWER_MS, () => {
      answer();
      socket.destroy();
    });
    socket.on("data", (chunk) => {
      said = (said + chunk.toString()).slice(0, 200);
    });
    socket.on("end", () => {
      answer();
      socket.destroy();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      // Nobody listens; the file is gone; it is no socket; more ask than the holder has answered yet.
      if (["ECONNREFUSED", "ENOENT", "ENOTSOCK"].includes(error.code ?? "")) resolve(null);
      else if (["EAGAIN", "ECONNRESET", "EPIPE"].includes(error.code ?? "")) answer();
      else reject(error);
    });
  });
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return directory !== tmpdir();
  } catch {
    return false;
  }
}

/**
 * Removes the socket of a process that died. Of several processes one does so at a time: between the question and the
 * removal nobody else may put a socket of its own there.
 */
async function removeLeftover({ path, address }: LockPlace, clock: Clock): Promise<void> {
  const mark = `${path}.taking`;
  try {
    mkdirSync(mark);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const since = statSync(mark, { throwIfNoEntry: false })?.mtimeMs;
    if (since !== undefined && clock.now() - since > TAKEOVER_MS) rmdirSync(mark);
    await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
    return;
  }
  try {
    if ((await askHolder(address)) === null) rmSync(path, { force: true });
  } finally {
    rmdirSync(mark);
  }
}
