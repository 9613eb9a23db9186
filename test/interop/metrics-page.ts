/** A page in the Prometheus text format. */
export interface MetricsPage {
  /** All series of a metric together; 0 when there is none. */
  sum(name: string): number;
  /** The series of a metric that are not 0, by the value of one label. */
  byLabel(name: string, label: string): Record<string, number>;
}

interface Sample {
  readonly name: string;
  readonly labels: string;
  readonly value: number;
}

/** Reads a metrics page. */
export async function readMetrics(url: string): Promise<MetricsPage> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return parseMetrics(await response.text());
}

/** A metrics page from its text. */
export function parseMetrics(text: string): MetricsPage {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match !== null) {
      samples.push({ name: match[1] ?? "", labels: match[2] ?? "", value: Number(match[3]) });
    }
  }
  const named = (name: string) => samples.filter((sample) => sample.name === name);
  return {
    sum: (name) => named(name).reduce((sum, { value }) => sum + value, 0),
    byLabel(name, label) {
      const pattern = new RegExp(`(?:^|,)${label}="([^"]*)"`);
      const entries = named(name)
        .filter(({ value }) => value !== 0)
        .map(({ labels, value }) => [pattern.exec(labels)?.[1] ?? "", value] as const);
      return Object.fromEntries(entries);
    },
  };
}
