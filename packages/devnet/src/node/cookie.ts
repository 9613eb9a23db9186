import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "@lode/ports";

/** The login a node makes up at every start. */
export function cookieLogin(random: Random): string {
  return `__cookie__:${Buffer.from(random(32)).toString("hex")}`;
}

/** Leaves a login in `directory`, readable by its own user only; the file's path. */
export function writeCookie(directory: string, login: string): string {
  const path = join(directory, ".cookie");
  mkdirSync(directory, { recursive: true });
  rmSync(path, { force: true });
  writeFileSync(path, login, { mode: 0o600 });
  return path;
}

/** Deletes the file, as a node does when it stops. */
export function removeCookie(path: string): void {
  rmSync(path, { force: true });
}
