import { describe, expect, it } from "vitest";
import { describeShare, generatorShare } from "./generator-share.ts";
import { formatColumns } from "./table.ts";

const used = (cpuMs: number, busyMs: number) => ({ cpuMs, busyMs, wallMs: 200 });

describe("the generator's share of a measured time", () => {
  it("is that of its busiest process, and never more than all of it", () => {
    expect(generatorShare([used(10, 60), used(30, 20)], 100)).toEqual({ cpu: 0.3, loop: 0.6 });
    expect(generatorShare([used(10, 150)], 100)).toEqual({ cpu: 0.1, loop: 1 });
    expect(generatorShare([used(10, 150)])).toEqual({ cpu: 0.05, loop: 0.75 });
  });

  it("comes with a warning above seven tenths", () => {
    expect(describeShare({ cpu: 0.7, loop: 0.7 })).toBe("generator 70 % CPU, 70 % busy");
    expect(describeShare({ cpu: 0.1, loop: 0.71 })).toContain("BOTTLENECK");
  });
});

it("columns with nothing under their head are left out of a table", () => {
  const lines = [
    ["a", "empty", "b"],
    ["1", "", "22"],
  ];
  expect(formatColumns(lines)).toBe("a  b\n1  22\n");
});
