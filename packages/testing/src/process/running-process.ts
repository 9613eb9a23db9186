import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, closeSync, openSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** How a program is started. */
export interface ProcessOptions {
  /** For messages; the program's path unless told. */
  readonly name?: string;
  readonly cwd?: string;
  /** The whole environment; this process's own unless told. */
  readonly env?: NodeJS.ProcessEnv;
  /** All of its standard input. */
  readonly input?: string;
  /** Everything it prints is appended to this file. */
  readonly logFile?: string;
  /** The program writes to the log file itself, so that nothing of it passes through this process. */
  readonly logOnly?: boolean;
  /** The program leads a process group, which gets the signals as if they came from a terminal. */
  readonly group?: boolean;
  /** Gets each line of standard output. */
  readonly onLine?: (line: string) => void;
}

/** Characters kept of each stream. */
const KEPT = 2_000_000;
const TAIL_LINES = 25;
const STOP_WITHIN_MS = 20_000;

/** A child process with the end of what it printed. */
export class RunningProcess {
  readonly name: string;
  /** Exit code; null when a signal ended it, or when it could not be started. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #logFile: string | undefined;
  readonly #group: boolean;
  readonly #watchers = new Set<() => void>();
  #stdout = "";
  #stderr = "";
  #end: string | null = null;

  constructor(program: string, args: readonly string[], options: ProcessOptions = {}) {
    const {
      name = program,
      cwd,
      env = process.env,
      input,
      logFile,
      logOnly = false,
      group = false,
      onLine,
    } = options;
    this.name = name;
    this.#logFile = logOnly ? logFile : undefined;
    this.#group = group;
    const log = logOnly && logFile !== undefined ? openSync(logFile, "a") : null;
    const output = log ?? "pipe";
    this.#child = spawn(program, args, {
      cwd,
      env,
      detached: group,
      stdio: [input === undefined ? "ignore" : "pipe", output, output],
    });
    if (log !== null) closeSync(log);
    this.#child.stdin?.on("error", () => {}); // it ended before it read everything
    this.#child.stdin?.end(input);
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.#stdout = (this.#stdout + chunk.toString()).slice(-KEPT);
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-KEPT);
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#log(logFile, chunk);
        for (const watcher of this.#watchers) watcher();
      });
    }
    if (onLine !== undefined && this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on("line", onLine);
    }
    const orphaned = () => this.signal("SIGKILL");
    if (group) process.once("exit", orphaned);
    this.ended = new Promise((resolve) => {
      const over = (code: number | null, text: string) => {
        if (this.#end !== null) return;
        this.#end = text;
        process.off("exit", orphaned);
        this.#log(logFile, `[${text}]\n`);
        resolve(code);
        for (const watcher of this.#watchers) watcher();
      };
      this.#child.once("error", (error) => over(null, `not started: ${error.message}`));
      this.#child.once("close", (code, signal) => over(code, `ended: ${signal ?? `exit code ${code}`}`));
    });
  }

  /** 0 when it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#end === null;
  }

  /** What it printed on standard output, as far as it is kept. */
  stdout(): string {
    return this.#stdout;
  }

  stderr(): string {
    return this.#stderr;
  }

  /** Standard output, then standard error. */
  output(): string {
    return this.#stdout + this.#stderr;
  }

  /** Both streams, the last lines of each. */
  tail(lines: number = TAIL_LINES): string {
    const texts =
      this.#logFile === undefined ? [this.#stdout, this.#stderr] : [readFileSync(this.#logFile, "utf8")];
    const last = texts
      .flatMap((text) => text.trimEnd().split("\n").slice(-lines))
      .filter((line) => line !== "");
    const end = this.#end === null ? [] : [`[${this.#end}]`];
    return [`--- ${this.name} ---`, ...last.map((line) => line.slice(0, 400)), ...end].join("\n");
  }

  /** Resolves once `text` stands in what it printed. @throws when it ends before */
  printed(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.#stdout.includes(text) || this.#stderr.includes(text)) resolve();
        else if (!this.running)
          reject(new Error(`it ended before it printed ${JSON.stringify(text)}\n${this.tail()}`));
        else return;
        this.#watchers.delete(look);
      };
      this.#watchers.add(look);
      look();
    });
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#group || this.#child.pid === undefined) {
      this.#child.kill(signal);
      return;
    }
    try {
      process.kill(-this.#child.pid, signal);
    } catch {
      // Nobody of the group is left.
    }
  }

  /** Sends a signal that ends it, and SIGKILL when it has not ended after `withinMs`. Resolves once it is gone. */
  async stop(signal: NodeJS.Signals = "SIGTERM", withinMs: number = STOP_WITHIN_MS): Promise<void> {
    if (!this.running) return;
    this.signal(signal);
    const late = setTimeout(() => this.signal("SIGKILL"), withinMs);
    await this.ended;
    clearTimeout(late);
  }

  #log(file: string | undefined, text: Buffer | string): void {
    if (file === undefined) return;
    try {
      appendFileSync(file, text);
    } catch {
      // The folder may go away under it.
    }
  }
}
