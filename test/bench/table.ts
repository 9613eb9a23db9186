import type { Row } from "./row.ts";

/** Rows for people, one a line. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map(({ name, value, unit, budget, baseline, ratio }) => [
    name,
    `${value} ${unit}`,
    budget === null ? "" : `≤ ${budget} ${unit}`,
    budget === null ? "" : value <= budget ? "within" : "OVER",
    baseline === null ? "" : `${baseline} ${unit}`,
    ratio === null ? "" : `${ratio}x`,
  ]);
  const lines = [["row", "value", "budget", "", "baseline", "ratio"], ...cells];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
    .concat("\n");
}
