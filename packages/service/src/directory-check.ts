import { accessSync, constants, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** Why files could not be written into a directory, which need not exist yet; null when they could. Makes nothing. */
export function directoryProblem(path: string): string | null {
  if (path === "") return "is not set: name a directory";
  let nearest = resolve(path);
  for (;;) {
    try {
      if (!statSync(nearest).isDirectory()) return `${nearest} is not a directory: choose another place`;
      accessSync(nearest, constants.W_OK | constants.X_OK);
      return null;
    } catch (error) {
      const { code = "unknown" } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" && dirname(nearest) !== nearest) nearest = dirname(nearest);
      else if (code === "ENOTDIR") nearest = dirname(nearest);
      else if (code === "EROFS") return `${nearest} is on a read-only file system: choose another place`;
      else
        return `${nearest} cannot be written by this user (${code}): give it the right to, or choose another place`;
    }
  }
}
