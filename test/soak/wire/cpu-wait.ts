import { readFileSync } from "node:fs";

/**
 * How long a process's main thread was ready to run and waited for a CPU, seconds since its start: what the machine, and
 * not the process, adds to latencies. Undefined where the system does not tell (Linux does).
 */
export function cpuWait(pid: number): number | undefined {
  try {
    const [, waited] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ");
    return Number(waited) / 1e9;
  } catch {
    return undefined;
  }
}
