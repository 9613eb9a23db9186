import { readFileSync, statSync } from "node:fs";

/** Reads the file that holds a secret. @throws Error whose message says what is wrong with the file and what to do */
export type ReadFile = (path: string) => string;

/** Longest secret file, bytes: a mistake in the path must not read a disk image. */
const MAX_BYTES = 64 * 1024;
/** Permission bits of those who are neither the owner nor in the group. */
const OTHERS = 0o007;

/**
 * A secret out of a file, without a byte order mark and without white space at its end: editors and shells add both. Files
 * that every user of the machine can read are refused; the group may read, as Kubernetes' `fsGroup` needs it.
 */
export const readSecretFile: ReadFile = (path) => {
  let bytes: Buffer;
  let open: boolean;
  try {
    const status = statSync(path);
    if (status.isDirectory()) throw new Error(`${path} is a directory, not a file`);
    if (status.size > MAX_BYTES) throw new Error(`the file ${path} is too long to hold a secret`);
    open = isOpenToOthers(path);
    bytes = readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw code === undefined ? error : new Error(`the file ${path} cannot be read (${code})`);
  }
  if (open) {
    throw new Error(
      `the file ${path} is open to every user of this machine: chmod 600 ${shellWord(path)} (a Kubernetes secret: defaultMode: 0440)`,
    );
  }
  return decodeText(bytes).trimEnd();
};

/** UTF-8, or UTF-16 as PowerShell's `>` writes it; a byte order mark is dropped. */
export function decodeText(bytes: Uint8Array): string {
  const utf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  return new TextDecoder(utf16 ? "utf-16le" : "utf-8").decode(bytes);
}

/** True for a file that others than its owner and group may use. A pipe has no permissions worth looking at. */
export function isOpenToOthers(path: string): boolean {
  const status = statSync(path);
  return status.isFile() && process.platform !== "win32" && (status.mode & OTHERS) !== 0;
}

/** A path as a shell takes it. */
export function shellWord(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
