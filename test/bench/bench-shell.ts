import { availableParallelism, loadavg } from "node:os";
import { type ParseArgsConfig, parseArgs } from "node:util";
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
async function runBench(json: boolean, measure: () => Promise<BenchResult>): Promise<void> {
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

/** What a benchmark was asked for. */
interface CommandLine<K extends string> {
  /** As text; {@link positive} reads numbers. */
  readonly values: Readonly<Record<K, string>>;
  readonly profileDir: string | undefined;
}

/**
 * Reads a benchmark's options, measures, and prints. Every benchmark has --json, --profile and --help; a command line that is
 * wrong ends the process with 2.
 *
 * @param defaults the options of this benchmark with what they are when left out; "" for none
 * @param read turns them into settings; what it throws goes to the user
 */
export async function runFromCommandLine<K extends string, S>(
  usage: string,
  defaults: Readonly<Record<K, string>>,
  read: (line: CommandLine<K>) => S,
  measure: (settings: S) => Promise<BenchResult>,
): Promise<void> {
  let settings: S;
  let json = false;
  try {
    const options: NonNullable<ParseArgsConfig["options"]> = {
      json: { type: "boolean", default: false },
      profile: { type: "string" },
      help: { type: "boolean", default: false },
    };
    for (const [name, text] of Object.entries<string>(defaults)) {
      options[name] = { type: "string", default: text };
    }
    const { values } = parseArgs({ options });
    const { json: asJson, profile, help, ...texts } = values as Record<string, string | boolean | undefined>;
    if (help === true) {
      process.stdout.write(`${usage}\n`);
      return;
    }
    json = asJson === true;
    const profileDir = typeof profile === "string" ? profile : undefined;
    settings = read({ values: texts as Record<K, string>, profileDir });
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
    return;
  }
  await runBench(json, () => measure(settings));
}

function loadAverage(): number {
  return loadavg()[0] ?? 0;
}
