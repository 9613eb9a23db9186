/** Counts events; only goes up. */
export interface Counter {
  inc(value?: number): void;
}

/** A value that goes up and down. */
export interface Gauge {
  set(value: number): void;
}

/** A distribution of observed values. */
export interface Histogram {
  observe(value: number): void;
}

/**
 * Where packages declare what they measure. Declare once, at construction: the returned object is already bound to its
 * labels. Names follow Prometheus: base units, counters end in `_total`. `labels` are the fixed labels of this child.
 */
export interface Metrics {
  counter(name: string, help: string, labels?: Readonly<Record<string, string>>): Counter;
  /** With `read`, the value is taken at scrape time and `set` is never needed. */
  gauge(name: string, help: string, labels?: Readonly<Record<string, string>>, read?: () => number): Gauge;
  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: Readonly<Record<string, string>>,
  ): Histogram;
}

/** Measures nothing. */
export const noMetrics: Metrics = {
  counter: () => ({ inc() {} }),
  gauge: () => ({ set() {} }),
  histogram: () => ({ observe() {} }),
};
