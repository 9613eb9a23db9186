import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

/** A child process with the end of what it printed. */
export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  /** Everything it printed that is still kept, both streams. */
  output(): string;
  /** True once it has ended. */
  readonly ended: boolean;
  /** Asks it to end, and kills it when it does not. */
  stop(): Promise<void>;
}

/** Gets every line that a process prints on standard output. */
export type LineListener = (line: string) => void;

const KEPT_CHARACTERS = 2_000_000;
const STOP_WITHIN_MS = 20_000;
const TAIL_LINES = 25;

/** What the reference implementation's programs print, and that they print it without colours. */
const VERBOSITY = { RUST_LOG: "info", NO_COLOR: "1" };

/** Starts a program. The variables that configure these tests are not handed on to it. */
export function startProcess(
  name: string,
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly logFile: string; readonly onLine?: LineListener },
): RunningProcess {
  const { cwd, logFile, onLine } = options;
  const own = Object.entries(process.env).filter(([key]) => !key.startsWith("LODE_"));
  const env = { ...Object.fromEntries(own), ...VERBOSITY };
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const log = createWriteStream(logFile, { flags: "a" });
  // The folder may go away under it.
  log.on("error", () => {});
  const keep = (chunk: Buffer) => {
    log.write(chunk);
    output = (output + chunk.toString()).slice(-KEPT_CHARACTERS);
  };
  if (onLine !== undefined) createInterface({ input: child.stdout }).on("line", onLine);
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  let ended = false;
  const end = new Promise<void>((resolve) => {
    const over = (text: string) => {
      ended = true;
      output += `\n[${text}]\n`;
      log.end();
      resolve();
    };
    child.once("error", (error) => over(`not started: ${error.message}`));
    child.once("close", (code, signal) => over(`ended: ${signal ?? `exit code ${code}`}`));
  });
  return {
    name,
    pid: child.pid ?? 0,
    output: () => output,
    get ended() {
      return ended;
    },
    stop: () => stop(child, end),
  };
}

async function stop(child: ChildProcess, end: Promise<void>): Promise<void> {
  child.kill("SIGTERM");
  const giveUp = new AbortController();
  const late = pause(STOP_WITHIN_MS, undefined, { signal: giveUp.signal }).then(
    () => child.kill("SIGKILL"),
    () => {},
  );
  await end;
  giveUp.abort();
  await late;
}

/** The last lines a process printed, for a failure message. */
export function tailOf(running: RunningProcess): string {
  const lines = running.output().trimEnd().split("\n").slice(-TAIL_LINES);
  return [`--- ${running.name} ---`, ...lines.map((line) => line.slice(0, 400))].join("\n");
}
