import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Linux tells by files, also in images without `ps`. */
const HAS_PROC = existsSync("/proc/self/stat");

/** The command line of a process, or null when there is none with this id. */
export function commandLineOf(pid: number): string | null {
  if (HAS_PROC) return readProc(`/proc/${pid}/cmdline`)?.replaceAll("\0", " ").trim() || null;
  const { status, stdout } = spawnSync("ps", ["-ww", "-o", "args=", "-p", String(pid)], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
}

/** The processes that a process has started and that still run. */
export function childrenOf(pid: number): number[] {
  if (!HAS_PROC) {
    const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
    const rows = (stdout ?? "").split("\n").map((line) => line.trim().split(/\s+/).map(Number));
    return rows.filter(([, parent]) => parent === pid).map(([child = 0]) => child);
  }
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => parentOf(child) === pid);
}

/** proc(5): the parent is the second field behind the name, which stands in brackets and may hold anything. */
function parentOf(pid: number): number | null {
  const stat = readProc(`/proc/${pid}/stat`);
  return stat === null ? null : Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

function readProc(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null; // The process ended meanwhile.
  }
}
