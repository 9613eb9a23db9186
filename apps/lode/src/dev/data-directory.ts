import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { systemRandom } from "@lode/ports";
import { ExitCode, ExitError, explainSystemError } from "@lode/service";
import { encodeAuthoritySecretKey, generateKeypair } from "@lode/transport";

/** The one directory that holds everything `lode dev` keeps. */
export interface DataDirectory {
  readonly path: string;
  readonly poolAuthoritySecret: string;
  readonly templateAuthoritySecret: string;
  /** Lets another process use the directory. */
  release(): void;
}

/** Opens the directory, makes what it lacks and takes its lock. @throws ExitError */
export function openDataDirectory(directory: string): DataDirectory {
  const path = resolve(directory);
  try {
    mkdirSync(path, { recursive: true });
    const release = lock(join(path, "lock"), path);
    return {
      path,
      poolAuthoritySecret: secretKey(join(path, "pool-authority.key")),
      templateAuthoritySecret: secretKey(join(path, "template-provider-authority.key")),
      release,
    };
  } catch (error) {
    throw explainSystemError(error, `use the data directory ${path} (choose another with --data-dir)`);
  }
}

function secretKey(file: string): string {
  if (!existsSync(file)) {
    const text = encodeAuthoritySecretKey(generateKeypair(systemRandom).secretKey);
    writeFileSync(file, `${text}\n`, { mode: 0o600, flag: "wx" });
  }
  return readFileSync(file, "utf8").trim();
}

/** One process at a time. A lock whose process is gone is taken over. */
function lock(file: string, directory: string): () => void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const handle = openSync(file, "wx");
      writeSync(handle, `${process.pid}\n`);
      closeSync(handle);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const pid = Number(readFileSync(file, "utf8").trim());
      if (isAlive(pid)) {
        throw new ExitError(
          ExitCode.unavailable,
          `the data directory ${directory} is in use by process ${pid}: stop it, or choose another directory with --data-dir`,
        );
      }
      rmSync(file, { force: true });
    }
  }
  throw new ExitError(ExitCode.unavailable, `the lock ${file} cannot be taken`);
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Ended, but never waited for: containers often run without an init process that would. */
function isZombie(pid: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    // Not Linux, or not ours to read.
    return false;
  }
}
