import { describe, expect, it } from "vitest";
import { ChangeTest, contradiction } from "./vardiff-change.ts";

describe("the test for a change of rate", () => {
  it("adds up nothing while shares come as expected or the other way round", () => {
    const rise = new ChangeTest(2);
    const fall = new ChangeTest(1 / 3);
    for (let n = 0; n < 1000; n++) {
      for (const test of [rise, fall]) {
        test.observe(0, 1, 1);
        test.observe(1, 0, 1);
      }
    }
    expect(rise.sum).toBeLessThan(1);
    expect(fall.sum).toBeLessThan(1);
    for (let n = 0; n < 1000; n++) rise.observe(0, 1, 1);
    expect(rise).toMatchObject({ sum: 0, shares: 0, exposure: 0 });
  });

  it("has counted from the change on when the sum has grown", () => {
    const fall = new ChangeTest(1 / 3);
    for (let n = 0; n < 50; n++) {
      fall.observe(0, 1, 1);
      fall.observe(1, 0, 1);
    }
    for (let n = 0; n < 12; n++) fall.observe(0, 1, 1);
    expect(fall.sum).toBeCloseTo(8, 0);
    expect(fall.shares).toBe(0);
    expect(fall.exposure).toBeCloseTo(12, 0);
  });

  it("looks for the change against the assumed rate", () => {
    const rise = new ChangeTest(2);
    for (let n = 0; n < 10; n++) rise.observe(1, 0.25, 1);
    expect(rise.sum).toBeCloseTo(10 * Math.LN2 - 2.5);
    const same = new ChangeTest(2);
    for (let n = 0; n < 10; n++) same.observe(1, 0.25, 8);
    expect(same.sum).toBe(0);
  });
});

describe("a contradiction", () => {
  it("is nothing when all is as expected, and grows with the square of the distance", () => {
    expect(contradiction(40, 40)).toBeCloseTo(0);
    expect(contradiction(110, 100)).toBeCloseTo(1, 0);
    expect(contradiction(120, 100)).toBeCloseTo(4, 0);
    expect(contradiction(80, 100)).toBeCloseTo(4, 0);
    expect(contradiction(0, 3)).toBe(6);
    expect(contradiction(0, 0)).toBe(0);
  });
});
