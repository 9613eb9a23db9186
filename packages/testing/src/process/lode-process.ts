import { join } from "node:path";
import { type ProcessOptions, RunningProcess } from "./running-process.ts";

/** The checkout that these tests belong to. */
export const checkout: string = join(import.meta.dirname, "../../../..");
/** The built command line, as Node's argument. */
export const lodeMain: string = join(checkout, "apps/lode/dist/main.js");

/** How a lode command is started; `env` are the variables that differ. */
export interface LodeOptions extends ProcessOptions {
  /** Arguments of node itself. */
  readonly nodeArguments?: readonly string[];
}

/** Starts `lode …`. Of the variables that configure Lode only those that choose its native backend are handed on. */
export function startLode(args: readonly string[], options: LodeOptions = {}): RunningProcess {
  const { nodeArguments = [], env, ...rest } = options;
  const own = Object.entries(process.env).filter(([key]) => !/^LODE_(?!NATIVE)/.test(key));
  const name = `lode ${args[0] ?? ""}`.trimEnd();
  const command = ["--enable-source-maps", ...nodeArguments, lodeMain, ...args];
  return new RunningProcess(process.execPath, command, {
    name,
    env: { ...Object.fromEntries(own), ...env },
    ...rest,
  });
}

/** How a process ended, and what it printed. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `lode …` to its end. */
export async function runLode(args: readonly string[], options: LodeOptions = {}): Promise<Ended> {
  const run = startLode(args, options);
  return { code: await run.ended, stdout: run.stdout(), stderr: run.stderr() };
}

/** `--set` for each `section.key=value`. */
export function setArguments(settings: readonly string[]): string[] {
  return settings.flatMap((setting) => ["--set", setting]);
}
