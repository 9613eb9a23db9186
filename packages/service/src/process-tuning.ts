import { readdirSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { setFlagsFromString } from "node:v8";

/** How much larger than what is alive the heap may grow before it is collected, per cent. */
const HEAP_GROWTH = 200;

/**
 * For a process whose event loop must answer in time whatever it holds: hundreds of megabytes take a core half a second to
 * look through, so the heap is collected seldom, and the threads that help with it yield to the event loop where there are
 * not enough cores for all. To be called at the start; threads that come later are not concerned.
 */
export function preferEventLoop(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH}`);
  // Elsewhere a priority is the whole process's.
  if (process.platform !== "linux") return;
  for (const thread of readdirSync("/proc/self/task").map(Number)) {
    if (thread !== process.pid) yieldToOthers(thread);
  }
}

function yieldToOthers(thread: number): void {
  try {
    setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended meanwhile, or a sandbox forbids it: nothing depends on it.
  }
}
