import { describe, expect, it } from "vitest";
import { createMetrics } from "./metrics.ts";

describe("createMetrics", () => {
  it("counts, sets, observes and reads at scrape time", async () => {
    const metrics = createMetrics({ defaults: false });
    metrics.counter("a_total", "A.", { kind: "x" }).inc(2);
    metrics.counter("a_total", "A.", { kind: "y" }).inc();
    metrics.gauge("b", "B.").set(5);
    let value = 1;
    metrics.gauge("c", "C.", { node: "n" }, () => value);
    metrics.histogram("d_seconds", "D.", [0.1, 1]).observe(0.5);
    value = 7;
    const text = await metrics.text();
    for (const line of [
      'a_total{kind="x"} 2',
      'a_total{kind="y"} 1',
      "b 5",
      'c{node="n"} 7',
      'd_seconds_bucket{le="0.1"} 0',
      'd_seconds_bucket{le="1"} 1',
    ]) {
      expect(text.split("\n")).toContain(line);
    }
  });

  it("leaves out a value that cannot be read, counts it, and serves the rest", async () => {
    const metrics = createMetrics({ defaults: false });
    let broken = false;
    const read = () => {
      if (broken) throw new Error("nothing to read");
      return 3;
    };
    metrics.gauge("a", "A.", { of: "x" }, read);
    metrics.gauge("a", "A.", { of: "y" }, () => 4);
    metrics.gauge("b", "B.", {}, () => "no number" as unknown as number);
    metrics.counter("c_total", "C.");
    expect(await metrics.text()).toContain('a{of="x"} 3');
    broken = true;
    await metrics.text();
    const text = await metrics.text();
    for (const line of ['a{of="y"} 4', "c_total 0"]) expect(text.split("\n")).toContain(line);
    expect(text).not.toMatch(/^(a\{of="x"\}|b) /m);
    expect(text).toMatch(/^lode_metric_read_failures_total [1-9]/m);
  });

  it("shows a counter before its first event", async () => {
    const metrics = createMetrics({ defaults: false });
    metrics.counter("a_total", "A.");
    expect(await metrics.text()).toContain("a_total 0");
  });

  it("refuses the same name with another meaning", () => {
    const metrics = createMetrics({ defaults: false });
    metrics.counter("a_total", "A.");
    const again = expect.objectContaining({ type: { code: "metric-redeclared", name: "a_total" } });
    expect(() => metrics.counter("a_total", "Another.")).toThrow(again);
    expect(() => metrics.gauge("a_total", "A.")).toThrow(again);
    expect(() => metrics.counter("a_total", "A.", { label: "x" })).toThrow(again);
  });

  it("leaves out process metrics whose names break Prometheus' rules", async () => {
    const text = await createMetrics().text();
    expect(text).toContain("process_cpu_seconds_total");
    expect(text).not.toMatch(/^nodejs_active_\w+_total/m);
  });

  it("describes what was declared, for the documents", () => {
    const metrics = createMetrics({ defaults: false });
    metrics.gauge("b", "B.");
    metrics.counter("a_total", "A.", { kind: "x" });
    expect(metrics.describe()).toEqual([
      { name: "a_total", type: "counter", help: "A.", labels: ["kind"] },
      { name: "b", type: "gauge", help: "B.", labels: [] },
      { name: "lode_metric_read_failures_total", type: "counter", help: expect.any(String), labels: [] },
    ]);
  });
});
