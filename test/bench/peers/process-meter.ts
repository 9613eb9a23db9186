import { readdirSync, readFileSync } from "node:fs";

/** Reads what a process uses from outside, alike for every program. Linux alone. */
export class ProcessMeter {
  readonly #root: string;

  constructor(pid: number) {
    this.#root = `/proc/${pid}`;
  }

  /** CPU time of all threads that live, user and system, milliseconds. The kernel counts it in nanoseconds. */
  cpuMs(): number {
    let nanoseconds = 0;
    for (const thread of readdirSync(`${this.#root}/task`)) {
      nanoseconds += Number(this.#read(`task/${thread}/schedstat`).split(" ", 1)[0]);
    }
    return nanoseconds / 1e6;
  }

  /** Resident memory, bytes. */
  residentBytes(): number {
    const kilobytes = /^Rss:\s+(\d+) kB$/m.exec(this.#read("smaps_rollup"))?.[1];
    if (kilobytes === undefined) throw new Error(`${this.#root}/smaps_rollup has no Rss`);
    return Number(kilobytes) * 1024;
  }

  /** Empty for a thread that has just ended. */
  #read(file: string): string {
    try {
      return readFileSync(`${this.#root}/${file}`, "utf8");
    } catch (error) {
      if (file.startsWith("task/")) return "";
      throw error;
    }
  }
}
