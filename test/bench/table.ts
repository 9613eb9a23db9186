import { isBottleneck, percent } from "./generator-share.ts";
import type { Row } from "./row.ts";

/** Rows for people, one a line. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map(({ name, value, unit, budget, baseline, ratio, generator }) => [
    name,
    `${value} ${unit}`,
    budget === null ? "" : `≤ ${budget} ${unit}`,
    budget === null ? "" : value <= budget ? "within" : "OVER",
    baseline === null ? "" : `${baseline} ${unit}`,
    ratio === null ? "" : `${ratio}x`,
    generator === undefined
      ? ""
      : `${percent(generator.cpu)} CPU, ${percent(generator.loop)} busy${isBottleneck(generator) ? ": MAY BE THE BOTTLENECK" : ""}`,
  ]);
  return formatColumns([["row", "value", "budget", "", "baseline", "ratio", "generator"], ...cells]);
}

/** Lines of cells, each column as wide as its widest cell; a column with nothing under its head is left out. */
export function formatColumns(lines: readonly (readonly string[])[]): string {
  const kept = lines[0]!.map((_, column) => lines.slice(1).some((line) => line[column] !== ""));
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .filter((_, column) => kept[column])
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
    .concat("\n");
}
