import { spawnSync } from "node:child_process";

/** Files a process needs besides its connections: logs, libraries, pipes, the database. */
const SPARE = 200;

/**
 * Makes sure that a process may open so many sockets. Node raises its own limit as far as it may, so the hard one counts.
 *
 * @throws Error that says what to do
 */
export function requireDescriptors(connections: number): void {
  const { stdout } = spawnSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" });
  const limit = stdout?.trim() === "unlimited" ? Number.POSITIVE_INFINITY : Number(stdout);
  const needed = connections + SPARE;
  if (!(limit < needed)) return;
  throw new Error(
    `${connections} connections need ${needed} open files in one process, and the limit here is ${limit}. Raise it: ` +
      `"ulimit -n ${needed}" as root, a line "* hard nofile ${needed}" in /etc/security/limits.conf, or ` +
      `"docker run --ulimit nofile=${needed}"; or measure fewer with --connections ${Math.max(1, limit - SPARE)}`,
  );
}
