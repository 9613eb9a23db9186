import { availableParallelism, loadavg } from "node:os";
import { say } from "../shell-run.ts";
import { describeMachine } from "./machine.ts";

/** Result of a benchmark: an object for `--json`, a table for people. */
export interface BenchResult {
  readonly json: object;
  readonly table: string;
}

/**
 * Runs a benchmark from the command line: the machine and its load first, the result on standard output, progress and
 * trouble on standard error. Exit code 1 when it fails.
 */
export async function runBench(json: boolean, measure: () => Promise<BenchResult>): Promise<void> {
  // Told to stop, the process ends in order, so that what it made in temporary places goes with it.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  try {
    const machine = describeMachine();
    const loadBefore = loadAverage();
    say(
      `${machine.name}: ${machine.cpu}, ${machine.cores} cores; Node ${machine.node}; native ${machine.native_backend}; handshakes by ${machine.handshake_backend}`,
    );
    if (loadBefore > availableParallelism() / 2) {
      say(`the machine is busy (load ${loadBefore.toFixed(1)}): figures will be high`);
    }
    const at = new Date().toISOString();
    const result = await measure();
    const document = { at, machine, load_before: loadBefore, load_after: loadAverage(), ...result.json };
    process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : result.table);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

/** A whole number from 1 off the command line. @throws Error that names the option */
export function positive(text: string, name: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name} takes a whole number from 1, not ${text}`);
  return value;
}

/** Reads the command line; what is wrong with it ends the process with 2. */
export function readOptions<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exit(2);
  }
}

function loadAverage(): number {
  return loadavg()[0] ?? 0;
}
