import type { GeneratorShare } from "../generator-share.ts";
import { isBottleneck, largerShare, percent } from "../generator-share.ts";
import { median, significant } from "../row.ts";
import { formatColumns } from "../table.ts";
import { GOALS } from "./goals.ts";
import type { Figure, Figures } from "./measure-server.ts";

/** One line of the comparison. */
export interface ComparedRow {
  readonly name: string;
  readonly connections: number;
  readonly unit: string;
  /** Lode's, and the reference pool's of the same run: medians over the repetitions. */
  readonly value: number;
  readonly reference: number;
  /** Lode's by the reference's; smaller is better. */
  readonly ratio: number;
  readonly goal: number | null;
  /** Null where there is no goal. */
  readonly ahead: boolean | null;
  readonly generator: { readonly lode?: GeneratorShare; readonly reference?: GeneratorShare };
  /** Of each repetition. */
  readonly values: readonly number[];
  readonly references: readonly number[];
}

/** Holds Lode's figures against the reference's. @param repetitions figures of each side, by repetition */
export function compare(
  connections: number,
  repetitions: { readonly lode: readonly Figures[]; readonly reference: readonly Figures[] },
): ComparedRow[] {
  return GOALS.flatMap(({ figure, unit, atMost, against = figure }) => {
    const lode = collect(repetitions.lode, figure);
    const reference = collect(repetitions.reference, against);
    if (lode === undefined || reference === undefined) return [];
    const ratio = lode.median / reference.median;
    return {
      ...{ name: figure, connections, unit, goal: atMost },
      value: significant(lode.median, 4),
      reference: significant(reference.median, 4),
      ratio: significant(ratio, 3),
      ahead: atMost === null ? null : ratio <= atMost,
      generator: {
        ...(lode.generator === undefined ? {} : { lode: lode.generator }),
        ...(reference.generator === undefined ? {} : { reference: reference.generator }),
      },
      values: lode.values,
      references: reference.values,
    };
  });
}

/** Rows for people, one a line. */
export function formatComparison(rows: readonly ComparedRow[]): string {
  const share = (generator: GeneratorShare | undefined): string =>
    generator === undefined
      ? ""
      : `${percent(generator.cpu)}/${percent(generator.loop)}${isBottleneck(generator) ? "!" : ""}`;
  const cells = rows.map(({ name, connections, unit, value, reference, ratio, goal, ahead, generator }) => [
    name,
    String(connections),
    `${value} ${unit}`,
    `${reference} ${unit}`,
    `${ratio}x`,
    goal === null ? "" : `≤ ${goal}x`,
    ahead === null ? "" : ahead ? "yes" : "NO",
    share(generator.lode),
    share(generator.reference),
  ]);
  const head = ["row", "miners", "Lode", "reference", "ratio", "goal", "ahead", "generator", "at reference"];
  return `${formatColumns([head, ...cells])}generator: CPU/busy part of the measured time; "!": above 70 %, the figure may be its own\n`;
}

function collect(repetitions: readonly Figures[], name: string) {
  const figures = repetitions.flatMap(({ [name]: figure }): Figure[] =>
    figure === undefined ? [] : [figure],
  );
  if (figures.length === 0) return undefined;
  const values = figures.map(({ value }) => value);
  const shares = figures.flatMap(({ generator }): GeneratorShare[] => (generator ? [generator] : []));
  return {
    median: median(values),
    values: values.map((value) => significant(value, 4)),
    generator: shares.length === 0 ? undefined : shares.reduce(largerShare),
  };
}
