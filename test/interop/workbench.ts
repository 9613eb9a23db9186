import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type LineListener, type RunningProcess, startProcess, tailOf } from "./running-process.ts";

const POLL_MS = 100;

/** One test's folder, processes and deadlines; everything goes away with {@link Workbench.clear}. */
export class Workbench {
  readonly folder: string;
  readonly #say: (line: string) => void;
  readonly #processes: RunningProcess[] = [];
  readonly #steps: (() => unknown)[] = [];

  /** @param keep leaves the folder, with everything the processes printed, for a look at it */
  constructor(say: (line: string) => void, keep = false) {
    this.#say = say;
    this.folder = mkdtempSync(join(tmpdir(), "lode-interop-"));
    // Postgres runs as another user when these tests run as root.
    chmodSync(this.folder, 0o755);
    this.onClear(() => {
      if (keep) say(`  kept ${this.folder}`);
      else rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** Prints progress. */
  say(line: string): void {
    this.#say(line);
  }

  /** Starts a program that is stopped at the latest with the test. */
  start(name: string, program: string, args: readonly string[], onLine?: LineListener): RunningProcess {
    const running = startProcess(name, program, args, {
      cwd: this.folder,
      logFile: join(this.folder, `${name.replaceAll(" ", "-")}.log`),
      ...(onLine !== undefined && { onLine }),
    });
    this.#processes.push(running);
    this.onClear(() => running.stop());
    return running;
  }

  /** Runs at the end of the test, the latest first. */
  onClear(step: () => unknown): void {
    this.#steps.push(step);
  }

  /**
   * Asks again until the answer is neither undefined nor false.
   *
   * @throws after `seconds`, or when one of `needed` ends, with the last lines of every process of the test
   */
  async until<T>(
    what: string,
    seconds: number,
    ask: () => T | Promise<T>,
    needed: readonly RunningProcess[] = [],
  ): Promise<Exclude<T, undefined | false>> {
    const deadline = performance.now() + seconds * 1000;
    let lastError = "";
    for (;;) {
      try {
        const answer = await ask();
        if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
      } catch (error) {
        lastError = `\nlast error: ${error instanceof Error ? error.message : String(error)}`;
      }
      const gone = needed.find((running) => running.ended);
      if (gone !== undefined) throw new Error(`${gone.name} ended while waiting for ${what}\n${this.logs()}`);
      if (performance.now() > deadline) {
        throw new Error(`no ${what} within ${seconds} s${lastError}\n${this.logs()}`);
      }
      await pause(POLL_MS);
    }
  }

  /** The last lines of every process. */
  logs(): string {
    return this.#processes.map(tailOf).join("\n");
  }

  /** Fails the test with the logs unless `fact` holds. @throws */
  check(fact: boolean, rule: string): void {
    if (!fact) throw new Error(`not so: ${rule}\n${this.logs()}`);
    this.say(`  ok: ${rule}`);
  }

  /** Takes everything down; what fails on the way is told and does not stop the rest. */
  async clear(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        this.say(`  while clearing up: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

/** A TCP port on loopback that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
