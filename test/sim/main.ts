import { randomInt } from "node:crypto";
import { help, parseCommandLine, type SimulationRequest, UsageError } from "./command-line.ts";
import {
  addOutcome,
  describeFailure,
  describeProgress,
  describeTotals,
  noTotals,
  type Totals,
} from "./report.ts";
import { simulate } from "./simulation.ts";

/** Seconds between two status lines. */
const STATUS_SECONDS = 5;
/** Failing seeds after which the rest is not tried any more. */
const MAX_FAILURES = 10;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let request: SimulationRequest | null;
  try {
    request = parseCommandLine(args, () => randomInt(2 ** 32));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  if (request === null) {
    process.stdout.write(help);
    return 0;
  }
  return run(request);
}

async function run(request: SimulationRequest): Promise<number> {
  const { seed: first, seeds, steps, bug, json } = request;
  if (!json) process.stdout.write(`seed ${first}\n`);
  let totals = noTotals();
  let trace = "";
  const status = statusLine(steps * seeds);
  for (let seed = first; seed < first + seeds && totals.violations < MAX_FAILURES; seed++) {
    const before = totals;
    const outcome = await simulate({
      seed,
      steps,
      ...(bug === null ? {} : { bug }),
      ...(request.trace ? { onEvent: (line: string) => void process.stderr.write(line) } : {}),
      onProgress: (now) => status(addOutcome(before, now)),
    });
    totals = addOutcome(before, outcome);
    trace = outcome.trace;
    if (outcome.violation !== null) process.stderr.write(describeFailure(outcome, request));
    if (outcome.violation !== null && json) {
      const { invariant, detail } = outcome.violation;
      process.stdout.write(`${JSON.stringify({ seed, step: outcome.steps, invariant, detail })}\n`);
    }
  }
  process.stdout.write(json ? `${JSON.stringify(totals)}\n` : describeTotals(totals, request, trace));
  return totals.violations === 0 ? 0 : 1;
}

/** Writes where the run is, every few seconds, to stderr. */
function statusLine(stepsInAll: number): (totals: Totals) => void {
  const started = performance.now();
  let shown = started;
  return (totals) => {
    const now = performance.now();
    if (now - shown < STATUS_SECONDS * 1000) return;
    shown = now;
    process.stderr.write(describeProgress(totals, stepsInAll, (now - started) / 1000));
  };
}
