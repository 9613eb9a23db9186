import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "@lode/ports";
import { commandLineOf } from "./processes.ts";

const STOP_WITHIN_MS = 20_000;
const POLL_MS = 50;

/** Ends the server that a killed process left behind in this very cluster, and nothing else. */
export async function stopLeftover(cluster: string, clock: Clock): Promise<void> {
  const pid = lockHolder(cluster);
  if (pid === null || !isPostgresOf(pid, cluster)) return;
  process.kill(pid, "SIGINT");
  const deadline = clock.monotonic() + STOP_WITHIN_MS;
  while (isPostgresOf(pid, cluster) && clock.monotonic() < deadline) {
    await new Promise<void>((resolve) => void clock.after(POLL_MS, resolve));
  }
}

/**
 * Postgres does not start while its lock file names a living process. After a crash and a restart of the machine or the
 * container that may be a stranger with the same number; Postgres overlooks it when told that it is an ancestor of its own
 * (CreateLockFile in its miscinit.c), and still checks that nobody uses the cluster's memory.
 */
export function environmentFor(cluster: string): NodeJS.ProcessEnv {
  const pid = lockHolder(cluster);
  if (pid === null || isPostgresOf(pid, cluster)) return process.env;
  return { ...process.env, PG_GRANDPARENT_PID: String(pid) };
}

/** The process that the cluster's lock file names, whoever that is today. */
function lockHolder(cluster: string): number | null {
  const file = join(cluster, "postmaster.pid");
  if (!existsSync(file)) return null;
  const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
  return Number.isInteger(pid) && pid > 1 ? pid : null;
}

/** A pid may have been given to another program since: only one that was started for this cluster counts. */
function isPostgresOf(pid: number, cluster: string): boolean {
  const line = commandLineOf(pid) ?? "";
  return line.includes("postgres") && line.includes(cluster);
}
