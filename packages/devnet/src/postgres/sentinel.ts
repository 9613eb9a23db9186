import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";

/** Waits for a word; when the pipe ends without one, its parent is gone and the server is told to stop. */
const SENTINEL = `
if read -r word; then exit 0; fi
[ "$(head -n 1 "$2/postmaster.pid" 2>/dev/null)" = "$1" ] && kill -INT "$1"
`;

/**
 * Stops Postgres when this process ends without having done so, however it ends: a small shell waits for that. Nothing
 * happens to a process that is not this cluster's server any more.
 */
export function stopWithParent(
  server: ChildProcess,
  cluster: string,
  user: { uid?: number; gid?: number },
): void {
  if (server.pid === undefined) return;
  const sentinel = spawn("/bin/sh", ["-c", SENTINEL, "sh", String(server.pid), cluster], {
    cwd: "/",
    detached: true, // Ctrl-C in a terminal is not for it.
    stdio: ["pipe", "ignore", "ignore"],
    ...user,
  });
  sentinel.on("error", () => {}); // No shell: then a next start stops what is left over.
  sentinel.stdin?.on("error", () => {});
  sentinel.unref();
  // The pipe is a socket in Node: it must not keep this process alive.
  if (sentinel.stdin instanceof Socket) sentinel.stdin.unref();
  server.once("exit", () => sentinel.stdin?.end("done\n"));
}
