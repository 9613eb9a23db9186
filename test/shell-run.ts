/** A whole number from the command line; ends the process with 2 when it is none. */
export function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) {
    process.stderr.write(`--${name} takes a whole number\n`);
    process.exit(2);
  }
  return value;
}

/** A line of progress. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Runs something that ends with figures, prints them, and sets the exit code: 0 when all is well, else 1. */
export async function runFromShell<S extends object>(
  run: () => Promise<S>,
  options: { readonly json: boolean; readonly isWell: (summary: S) => boolean },
): Promise<void> {
  try {
    const summary = await run();
    const figures = Object.entries(summary).map(([name, value]) => `${name} ${value}`);
    process.stdout.write(`${options.json ? JSON.stringify(summary) : figures.join(", ")}\n`);
    process.exitCode = options.isWell(summary) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
    process.exitCode = 1;
  }
}
