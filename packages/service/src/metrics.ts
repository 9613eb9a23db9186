import { CodedError, type Counter, type Gauge, type Histogram, type Metrics } from "@lode/ports";
import * as prom from "prom-client";

/** A metric declared twice in ways that do not fit together: a mistake in the code. */
export class MetricError extends CodedError<{ code: "metric-redeclared"; name: string }> {}

export interface MetricDescription {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
}

export interface MetricsRegistry extends Metrics {
  /** Prometheus text format. */
  text(): Promise<string>;
  readonly contentType: string;
  /** Every metric that was declared, by name. */
  describe(): MetricDescription[];
}

interface Declared extends MetricDescription {
  readonly metric: prom.Counter | prom.Gauge | prom.Histogram;
  /** Values read at scrape time, by their labels. */
  readonly reads: Map<string, { labels: Record<string, string>; read: () => number }>;
}

type Labels = Readonly<Record<string, string>>;

/** Names of prom-client's defaults that break Prometheus' naming rules (gauges that end in _total). */
const MISNAMED = /^nodejs_active_.*_total$/;

/** A registry; with `defaults`, also what Node tells about the process. */
export function createMetrics({ defaults = true } = {}): MetricsRegistry {
  const registry = new prom.Registry();
  const declared = new Map<string, Declared>();
  if (defaults) {
    prom.collectDefaultMetrics({ register: registry });
    for (const { name } of registry.getMetricsAsArray()) {
      if (MISNAMED.test(name)) registry.removeSingleMetric(name);
    }
  }

  function declare(
    type: MetricDescription["type"],
    name: string,
    help: string,
    labels: Labels,
    buckets?: readonly number[],
  ) {
    const labelNames = Object.keys(labels).sort();
    const known = declared.get(name);
    if (known !== undefined) {
      if (known.type !== type || known.help !== help || known.labels.join() !== labelNames.join()) {
        throw new MetricError(
          { code: "metric-redeclared", name },
          `metric ${name} was declared before with another type, help or set of labels`,
        );
      }
      return known;
    }
    const reads: Declared["reads"] = new Map();
    const settings = { name, help, labelNames, registers: [registry] };
    const metric =
      type === "counter"
        ? new prom.Counter(settings)
        : type === "histogram"
          ? new prom.Histogram({ ...settings, buckets: [...(buckets ?? [])] })
          : new prom.Gauge({
              ...settings,
              collect() {
                for (const each of reads.values()) {
                  try {
                    this.set(each.labels, each.read());
                  } catch {
                    // One value that cannot be read must not cost the page all others; an old one would be a lie.
                    this.remove(each.labels);
                    readFailures.inc();
                  }
                }
              },
            });
    const entry: Declared = { name, type, help, labels: labelNames, metric, reads };
    declared.set(name, entry);
    return entry;
  }

  const readFailures = declare(
    "counter",
    "lode_metric_read_failures_total",
    "Values left out of this page because reading them failed.",
    {},
  ).metric as prom.Counter;

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    describe: () =>
      [...declared.values()]
        .map(({ name, type, help, labels }) => ({ name, type, help, labels }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    counter(name, help, labels = {}): Counter {
      const child = (declare("counter", name, help, labels).metric as prom.Counter).labels(labels);
      child.inc(0); // a series that exists from the start makes rates right from the first event
      return { inc: (value) => child.inc(value) };
    },
    gauge(name, help, labels = {}, read): Gauge {
      const entry = declare("gauge", name, help, labels);
      if (read !== undefined) entry.reads.set(JSON.stringify(labels), { labels, read });
      const child = (entry.metric as prom.Gauge).labels(labels);
      return { set: (value) => child.set(value) };
    },
    histogram(name, help, buckets, labels = {}): Histogram {
      const child = (declare("histogram", name, help, labels, buckets).metric as prom.Histogram).labels(
        labels,
      );
      return { observe: (value) => child.observe(value) };
    },
  };
}
