import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { RunningProcess, temporaryFolder } from "@lode/testing/process";

const POLL_MS = 100;
/** What the reference implementation's programs print, and that they print it without colours. */
const VERBOSITY = { RUST_LOG: "info", NO_COLOR: "1" };

/** A process that a test depends on. */
export interface Needed {
  readonly name: string;
  readonly running: boolean;
  /** The last lines it printed. */
  tail(): string;
}

/** One test's folder, processes and deadlines; everything goes away with {@link Workbench.clear}. */
export class Workbench {
  readonly folder: string;
  readonly #say: (line: string) => void;
  readonly #processes: Needed[] = [];
  readonly #steps: (() => unknown)[] = [];

  /** @param keep leaves the folder, with everything the processes printed, for a look at it */
  constructor(say: (line: string) => void, keep = false) {
    this.#say = say;
    const folder = temporaryFolder("interop");
    this.folder = folder.path;
    this.onClear(() => {
      if (keep) say(`  kept ${folder.path}`);
      else folder.remove();
    });
  }

  /** Prints progress. */
  say(line: string): void {
    this.#say(line);
  }

  /**
   * Starts a program that is stopped at the latest with the test. The variables that configure these tests are not handed on
   * to it.
   */
  start(
    name: string,
    program: string,
    args: readonly string[],
    onLine?: (line: string) => void,
  ): RunningProcess {
    const own = Object.entries(process.env).filter(([key]) => !key.startsWith("LODE_"));
    const running = new RunningProcess(program, args, {
      name,
      cwd: this.folder,
      env: { ...Object.fromEntries(own), ...VERBOSITY },
      logFile: join(this.folder, `${name.replaceAll(" ", "-")}.log`),
      ...(onLine !== undefined && { onLine }),
    });
    this.add(running, () => running.stop());
    return running;
  }

  /** Takes a process into the test's logs, and ends it with the test. */
  add(running: Needed, stop: () => Promise<void>): void {
    this.#processes.push(running);
    this.onClear(stop);
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
    needed: readonly Needed[] = [],
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
      const gone = needed.find(({ running }) => !running);
      if (gone !== undefined) throw new Error(`${gone.name} ended while waiting for ${what}\n${this.logs()}`);
      if (performance.now() > deadline) {
        throw new Error(`no ${what} within ${seconds} s${lastError}\n${this.logs()}`);
      }
      await pause(POLL_MS);
    }
  }

  /** The last lines of every process. */
  logs(): string {
    return this.#processes.map((running) => running.tail()).join("\n");
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
