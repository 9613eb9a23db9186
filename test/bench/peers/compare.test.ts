import { describe, expect, it } from "vitest";
import { compare, formatComparison } from "./compare.ts";

const busy = { cpu: 0.2, loop: 0.9 };

describe("a comparison with the reference pool", () => {
  const rows = compare(200, {
    lode: [
      { share: { value: 6 }, share_durable: { value: 9, generator: busy }, tip_last: { value: 5 } },
      { share: { value: 8 }, share_durable: { value: 30 }, tip_last: { value: 5 } },
    ],
    reference: [{ share: { value: 10 }, tip_last: { value: 20 }, memory: { value: 50 } }],
  });

  it("holds medians against each other, and durable shares against the reference's that are not", () => {
    expect(rows.map(({ name, value, reference, ratio }) => [name, value, reference, ratio])).toEqual([
      ["share", 7, 10, 0.7],
      ["share_durable", 19.5, 10, 1.95],
      ["tip_last", 5, 20, 0.25],
    ]);
  });

  it("says where Lode is ahead, and nothing where no goal was set", () => {
    expect(rows.map(({ name, ahead }) => [name, ahead])).toEqual([
      ["share", false],
      ["share_durable", false],
      ["tip_last", null],
    ]);
  });

  it("marks in its table a generator that may have been what was measured", () => {
    const lines = formatComparison(rows).split("\n");
    expect(lines[2]).toMatch(/^share_durable .* ≤ 1x +NO +20 %\/90 %!/);
    expect(lines[3]).not.toContain("%");
  });
});
