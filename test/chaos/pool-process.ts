import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, closeSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { pause } from "./free-port.ts";

const MAIN = join(import.meta.dirname, "../../apps/lode/dist/main.js");
const OPEN_WITHIN_MS = 30_000;
const POLL_MS = 20;
const TAIL_CHARACTERS = 6_000;

/** What a pool process is started with. */
export interface PoolProcessOptions {
  /** `section.key=value`, as `lode pool --set` takes it. */
  readonly settings: readonly string[];
  /** Where miners connect; fixed, so that they find the pool again. */
  readonly port: number;
  readonly logFile: string;
  /** Arguments of node itself. */
  readonly nodeArguments?: readonly string[];
}

/** `lode pool` as a process of its own, which can be killed and started again. Its log goes on in the same file. */
export class PoolProcess {
  readonly #options: PoolProcessOptions;
  #child: ChildProcess | undefined;
  #expected = false;
  /** Times the process ended although nobody asked it to. */
  unexpectedEnds = 0;

  constructor(options: PoolProcessOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it and waits until it accepts connections. @throws when it ends or stays silent */
  async start(): Promise<void> {
    const { settings, logFile, nodeArguments = [] } = this.#options;
    const log = openSync(logFile, "a");
    const args = settings.flatMap((setting) => ["--set", setting]);
    this.#expected = false;
    const child = spawn(process.execPath, ["--enable-source-maps", ...nodeArguments, MAIN, "pool", ...args], {
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.#child = child;
    child.once("exit", (code, signal) => {
      appendFileSync(logFile, `-- the process ended: code ${code}, signal ${signal}\n`);
      if (!this.#expected) this.unexpectedEnds++;
    });
    const deadline = Date.now() + OPEN_WITHIN_MS;
    while (!(await accepts(this.#options.port))) {
      if (!this.running) throw new Error("the pool ended at its start");
      if (Date.now() > deadline) throw new Error("the pool did not open its port in time");
      await pause(POLL_MS);
    }
  }

  /** Ends it with SIGKILL, or another signal. Resolves once it is gone. */
  async end(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.running) return;
    this.#expected = true;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill(signal);
    await gone;
  }

  /** Sends a signal that does not end it. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** The end of what it printed. */
  logTail(): string {
    return readFileSync(this.#options.logFile, "utf8").slice(-TAIL_CHARACTERS);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
