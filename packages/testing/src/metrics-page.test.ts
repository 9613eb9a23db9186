import { expect, it } from "vitest";
import { parseMetrics } from "./metrics-page.ts";

const page = parseMetrics(`# HELP a_total says nothing
# TYPE a_total counter
a_total{reason="x",side="in"} 2
a_total{reason="x",side="out"} 3
a_total{reason="a \\"y\\", z"} 4
a_total{reason="never"} 0
b 1.5e3
`);

it("a metrics page is added up as a whole and by labels", () => {
  expect(page.names).toEqual(["a_total", "b"]);
  expect(page.sum("a_total")).toBe(9);
  expect(page.sum("b")).toBe(1500);
  expect(page.sum("missing")).toBe(0);
  expect(page.byLabel("a_total", "reason")).toEqual({ x: 5, 'a \\"y\\", z': 4 });
  expect(page.byLabel("a_total")).toEqual({ "x/in": 2, "x/out": 3, 'a \\"y\\", z': 4 });
  expect(page.byLabel("b")).toEqual({ "": 1500 });
});
