import { ExitCode, ExitError } from "../exit.ts";

/** A configuration that cannot be used. The message names every problem on a line of its own. Exit code 78. */
export class ConfigError extends ExitError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      ExitCode.config,
      `the configuration cannot be used:\n${problems.map((line) => `  ${line}`).join("\n")}`,
    );
    this.problems = problems;
  }
}

/** ` (did you mean "x"?)` when one of the known names is near, else nothing. */
export function suggestion(name: string, known: readonly string[]): string {
  const near = nearest(name, known, Math.max(2, Math.floor(name.length / 3)));
  return near === undefined ? "" : ` (did you mean ${JSON.stringify(near)}?)`;
}

/** The known name that differs in the fewest letters, at most `within`. */
export function nearest(name: string, known: readonly string[], within: number): string | undefined {
  let best: string | undefined;
  let least = within + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= least) continue;
    const distance = editDistance(name, candidate);
    if (distance >= least) continue;
    least = distance;
    best = candidate;
  }
  return best;
}

/** Levenshtein distance of two short names. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
