import { systemRandom } from "@lode/ports";
import { describe, expect, it } from "vitest";
import { loadCurve } from "../curve/load-curve.ts";
import { EphemeralPool } from "./ephemeral-pool.ts";

describe("a pool of ephemeral keys", () => {
  it("fills up to its capacity, then makes keys on demand", () => {
    const pool = new EphemeralPool(loadCurve(), systemRandom, 2);
    for (let i = 0; i < 5; i++) pool.refill();
    expect(pool.hasRoom).toBe(false);
    const keys = [pool.take(), pool.take(), pool.take()];
    expect(new Set(keys.map(({ encoded }) => Buffer.from(encoded).toString("hex"))).size).toBe(3);
    expect(pool.hasRoom).toBe(true);
  });

  it("wipes what is left", () => {
    const draws: Uint8Array[] = [];
    const pool = new EphemeralPool(
      loadCurve(),
      (size) => {
        const draw = systemRandom(size);
        if (size === 32) draws.push(draw);
        return draw;
      },
      1,
    );
    pool.refill();
    pool.wipe();
    expect(draws).toEqual([new Uint8Array(32)]);
    expect(pool.hasRoom).toBe(true);
  });
});
