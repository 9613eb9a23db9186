import { parseArgs } from "node:util";
import { type BugName, plantedBugs } from "./planted-bugs.ts";

/** What the command line asks for. */
export interface SimulationRequest {
  readonly seed: number;
  readonly seeds: number;
  readonly steps: number;
  readonly bug: BugName | null;
  readonly json: boolean;
  readonly trace: boolean;
}

/** The command line cannot be understood. */
export class UsageError extends Error {}

/** Text of `--help`. */
export const help = `Runs the whole pool on a virtual clock among faults, and checks after every step what must always hold.

  npm run sim -- [--seed S] [--seeds N] [--steps N] [--json]

  --seed S    first seed; drawn at random when left out, and always printed. Equal seeds give equal runs
  --seeds N   so many seeds, S, S+1, … (default 1)
  --steps N   steps for each seed (default 300)
  --json      print one JSON line at the end
  --trace     print every event to stderr as it happens
  --bug NAME  plant a bug, to see it found:
${Object.entries(plantedBugs)
  .map(([name, { description }]) => `                ${name.padEnd(22)}${description}`)
  .join("\n")}
  --help      print this

Exit code 0: every invariant held. 1: one did not; its seed is printed. 2: wrong usage.
See docs/simulation.md.
`;

/**
 * Reads the arguments; null when help is asked for.
 *
 * @param drawSeed a fresh seed, for when none is given
 * @throws UsageError
 */
export function parseCommandLine(args: readonly string[], drawSeed: () => number): SimulationRequest | null {
  const values = parsed(args);
  if (values.help === true) return null;
  const { bug } = values;
  if (bug !== undefined && !(bug in plantedBugs))
    throw new UsageError(`--bug ${bug}: no such bug, see --help`);
  return {
    seed: values.seed === undefined ? drawSeed() : integer("seed", values.seed, 0),
    seeds: integer("seeds", values.seeds ?? "1", 1),
    steps: integer("steps", values.steps ?? "300", 1),
    bug: (bug as BugName | undefined) ?? null,
    json: values.json === true,
    trace: values.trace === true,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seed: { type: "string" },
        seeds: { type: "string" },
        steps: { type: "string" },
        bug: { type: "string" },
        json: { type: "boolean" },
        trace: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function integer(name: string, text: string, least: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`--${name} ${text}: must be an integer from ${least} to 2^53 - 1`);
  }
  return value;
}
