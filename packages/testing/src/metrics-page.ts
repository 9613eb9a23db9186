/** A page in the Prometheus text format. */
export interface MetricsPage {
  /** Names of all metrics with a series. */
  readonly names: readonly string[];
  /** All series of a metric together; 0 when there is none. */
  sum(name: string): number;
  /** The series of a metric that are not 0, added up by the value of a label, or by the values of all labels. */
  byLabel(name: string, label?: string): Record<string, number>;
}

interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

const ANSWERS_WITHIN_MS = 60_000;

/** Reads a metrics page. @throws when there is no answer, or another than 200 */
export async function readMetrics(url: string): Promise<MetricsPage> {
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) });
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return parseMetrics(await response.text());
}

/** A metrics page from its text. */
export function parseMetrics(text: string): MetricsPage {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) continue;
    const labels = [...(match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    samples.push({
      name: match[1] ?? "",
      labels: new Map(labels.map(([, name = "", value = ""]) => [name, value])),
      value: Number(match[3]),
    });
  }
  const named = (name: string) => samples.filter((sample) => sample.name === name);
  return {
    names: [...new Set(samples.map(({ name }) => name))],
    sum: (name) => named(name).reduce((sum, { value }) => sum + value, 0),
    byLabel(name, label) {
      const sums: Record<string, number> = {};
      for (const { labels, value } of named(name)) {
        if (value === 0) continue;
        const key = label === undefined ? [...labels.values()].join("/") : (labels.get(label) ?? "");
        sums[key] = (sums[key] ?? 0) + value;
      }
      return sums;
    },
  };
}
