import type { MetricsPage } from "@lode/testing/metrics";
import type { PoolProcess } from "@lode/testing/process";

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

/** Reads the meters. @throws when the pool does not answer */
export async function readPool(pool: PoolProcess): Promise<PoolMeters> {
  const page = await pool.metrics();
  const { sum } = page;
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
    counts: { ...countsOf(page), ...limitCounts(page) },
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

function countsOf(page: MetricsPage): Record<string, Record<string, number>> {
  const counts = Object.entries(COUNTED).map(([title, { metric, label }]) => [
    title,
    page.byLabel(metric, label),
  ]);
  return Object.fromEntries(counts);
}

/** Counters of limits and bans, whatever they are called. */
function limitCounts(page: MetricsPage): Record<string, Record<string, number>> {
  const known = new Set(Object.values(COUNTED).map(({ metric }) => metric));
  const limits = page.names.filter(
    (name) =>
      /^lode_.*(ban|probe|limit|throttl|suppress|dropped|frames|discarded|malformed).*_total$/.test(name) &&
      !known.has(name),
  );
  return Object.fromEntries(limits.map((name) => [name, page.byLabel(name)]));
}
