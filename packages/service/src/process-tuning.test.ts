import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

/** Says the priority of the main thread and those of the others, in a process of its own: what is lowered stays low. */
const SCRIPT = `
  import { readdirSync } from "node:fs";
  import { getPriority } from "node:os";
  import { preferEventLoop } from ${JSON.stringify(join(import.meta.dirname, "../dist/process-tuning.js"))};
  preferEventLoop();
  const others = readdirSync("/proc/self/task").map(Number).filter((thread) => thread !== process.pid);
  console.log(JSON.stringify({ main: getPriority(process.pid), others: others.map((thread) => getPriority(thread)) }));
`;

describe.runIf(process.platform === "linux")("a process that prefers its event loop (Linux)", () => {
  it("lets all its other threads yield to it, and complains of nothing", () => {
    const run = spawnSync(process.execPath, ["--input-type=module", "--eval", SCRIPT], { encoding: "utf8" });
    expect([run.status, run.stderr]).toEqual([0, ""]);
    const { main, others } = JSON.parse(run.stdout) as { main: number; others: number[] };
    expect(others.length).toBeGreaterThan(0);
    for (const priority of others) expect(priority).toBe(Math.max(main, 10));
  });
});
