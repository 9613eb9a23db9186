/** Runs of a model-based test where nothing else is said. */
const USUAL_RUNS = 100;

/** Parameters for `fc.assert` of a model-based test. */
export interface ModelRuns {
  readonly numRuns: number;
  readonly interruptAfterTimeLimit?: number;
  readonly markInterruptAsFailure?: boolean;
}

/** How long model-based tests go on: `LODE_MODEL_SECONDS` each, or a fixed number of runs (`npm run model` sets it). */
export function modelRuns(usual = USUAL_RUNS): ModelRuns {
  const seconds = modelSeconds();
  if (seconds === undefined) return { numRuns: usual };
  return {
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: seconds * 1000,
    markInterruptAsFailure: false,
  };
}

/** Time limit for a test of {@link modelRuns}, milliseconds: twice as long, since a failure is shrunk. */
export function modelTimeout(): number {
  return 60_000 + 2_000 * (modelSeconds() ?? 0);
}

function modelSeconds(): number | undefined {
  const text = process.env["LODE_MODEL_SECONDS"];
  return text === undefined || text === "" ? undefined : Number(text);
}
