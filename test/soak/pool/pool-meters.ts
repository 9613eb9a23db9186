/** The pool's /metrics, as far as a soak needs them. */
export interface PoolMeters {
  readonly at: number;
  /** CPU time of all its threads, seconds. */
  readonly cpuSeconds: number;
  readonly rssMb: number;
  /** JavaScript heap and what is held outside of it, MB. */
  readonly heapMb: number;
  /** Delay of the event loop since the last reading, milliseconds; the sampling period of 10 ms is taken off. */
  readonly loopP99Ms: number;
  readonly connections: number;
  readonly channels: number;
  readonly exceptions: number;
  /** Subnets banned since the start. */
  readonly bans: number;
  /** Counters with a reason or a code, by what they count. */
  readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Label that tells the series of a counter apart, by the counter's name. */
const COUNTED: Readonly<Record<string, { readonly metric: string; readonly label: string }>> = {
  connections_closed: { metric: "lode_mining_connections_closed_total", label: "reason" },
  handshakes_failed: { metric: "lode_handshake_failures_total", label: "reason" },
  connections_refused: { metric: "lode_connections_refused_total", label: "reason" },
  openings_refused: { metric: "lode_channel_openings_refused_total", label: "error_code" },
  shares_rejected: { metric: "lode_shares_rejected_total", label: "error_code" },
};
const SAMPLING_MS = 10;
const SCRAPE_WITHIN_MS = 60_000;

/** Reads the meters. @throws when the pool does not answer */
export async function readPool(adminPort: number): Promise<PoolMeters> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/metrics`, {
    signal: AbortSignal.timeout(SCRAPE_WITHIN_MS),
  });
  const series = parse(await response.text());
  const sum = (name: string) => seriesOf(series, name).reduce((total, { value }) => total + value, 0);
  const mb = (bytes: number) => bytes / 2 ** 20;
  return {
    at: performance.now(),
    cpuSeconds: sum("process_cpu_seconds_total"),
    rssMb: mb(sum("process_resident_memory_bytes")),
    heapMb: mb(sum("nodejs_heap_size_used_bytes") + sum("nodejs_external_memory_bytes")),
    loopP99Ms: Math.max(0, sum("nodejs_eventloop_lag_p99_seconds") * 1000 - SAMPLING_MS),
    connections: sum("lode_connections"),
    channels: sum("lode_channels"),
    exceptions: sum("lode_session_exceptions_total"),
    bans: sum("lode_bans_total"),
    counts: { ...countsOf(series), ...limitCounts(series) },
  };
}

/** What was counted between two readings; zeros are left out. */
export function counted(before: PoolMeters, after: PoolMeters): Record<string, Record<string, number>> {
  const result: Record<string, Record<string, number>> = {};
  for (const [name, values] of Object.entries(after.counts)) {
    const changed = Object.entries(values)
      .map(([label, value]) => [label, value - (before.counts[name]?.[label] ?? 0)] as const)
      .filter(([, value]) => value > 0);
    if (changed.length > 0) result[name] = Object.fromEntries(changed);
  }
  return result;
}

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

function parse(text: string): Series[] {
  const result: Series[] = [];
  for (const line of text.split("\n")) {
    const match = /^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$/i.exec(line);
    if (match === null) continue;
    const labels = [...(match[2] ?? "").matchAll(/([a-z_0-9]+)="([^"]*)"/gi)];
    result.push({
      name: match[1] ?? "",
      labels: Object.fromEntries(labels.map(([, name, value]) => [name, value])),
      value: Number(match[3]),
    });
  }
  return result;
}

function seriesOf(series: readonly Series[], name: string): Series[] {
  return series.filter((one) => one.name === name);
}

function countsOf(series: readonly Series[]): Record<string, Record<string, number>> {
  return Object.fromEntries(
    Object.entries(COUNTED).map(([title, { metric, label }]) => [
      title,
      byLabel(seriesOf(series, metric), label),
    ]),
  );
}

/** Counters of limits and bans, whatever they are called. */
function limitCounts(series: readonly Series[]): Record<string, Record<string, number>> {
  const known = new Set(Object.values(COUNTED).map(({ metric }) => metric));
  const result: Record<string, Record<string, number>> = {};
  for (const one of series) {
    if (
      !/^lode_.*(ban|probe|limit|throttl|suppress|dropped|frames|discarded|malformed).*_total$/.test(one.name)
    )
      continue;
    if (known.has(one.name)) continue;
    const label = Object.values(one.labels).join("/");
    result[one.name] ??= {};
    result[one.name]![label === "" ? "all" : label] = one.value;
  }
  return result;
}

function byLabel(series: readonly Series[], label: string): Record<string, number> {
  const result: Record<string, number> = {};
  for (const { labels, value } of series) {
    const key = labels[label] ?? "";
    result[key] = (result[key] ?? 0) + value;
  }
  return result;
}
