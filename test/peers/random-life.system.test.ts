import { describe, expect, it } from "vitest";
import { RandomLife } from "./random-life.ts";

/** More than the few of every run: LODE_PEER_SEEDS=200. */
const seeds = Number(process.env["LODE_PEER_SEEDS"] ?? 5);

describe("whatever happens to peers and chain, nobody has a complaint", () => {
  it.each(Array.from({ length: seeds }, (_, seed) => [seed]))(
    "seed %i",
    (seed) => {
      const life = new RandomLife(seed);
      life.run(12);
      const { sent, accepted, overtaken } = life.total;
      expect(accepted).toBe(sent - overtaken);
      expect(accepted).toBeGreaterThan(100);
      expect(life.world.pool.complaints).toEqual([]);
    },
    60_000,
  );
});
