import { ExitCode } from "./exit.ts";
import { describeFailure } from "./life-cycle.ts";

/** A link of a process to something outside, to be tried once. */
export interface ConnectionCheck {
  /** The key that names the other side: `database.url`, `nodes.0.url`. */
  readonly key: string;
  /**
   * Uses the link as the process would, without changing anything.
   *
   * @returns what was found there, in words
   * @throws DependencyError or another error with a sentence for the operator
   */
  readonly attempt: () => Promise<string>;
}

/**
 * Tries links side by side and says a line about each, in their order.
 *
 * @returns 0 when all work, 78 when a person has to change something, else 69
 */
export async function checkConnections(
  checks: readonly ConnectionCheck[],
  say: (line: string) => void,
): Promise<ExitCode> {
  const width = Math.max(0, ...checks.map(({ key }) => key.length));
  const outcomes = checks.map(({ attempt }) =>
    attempt().then(
      (found) => ({ exitCode: ExitCode.ok, message: found }) as const,
      (error: unknown) => describeFailure(error),
    ),
  );
  const codes = new Set<ExitCode>();
  for (const [index, { key }] of checks.entries()) {
    const { exitCode, message } = (await outcomes[index]) ?? { exitCode: ExitCode.internal, message: "" };
    codes.add(exitCode);
    say(`${exitCode === ExitCode.ok ? "ok    " : "FAILED"}  ${key.padEnd(width)}  ${message}`);
  }
  const { internal, config, ok } = ExitCode;
  const worst = [internal, config].find((code) => codes.has(code));
  return worst ?? ([...codes].every((code) => code === ok) ? ok : ExitCode.unavailable);
}
