import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ranking } from "./ranking.ts";

describe("a ranking", () => {
  it("knows every count, the total, and a key of the greatest count, whatever happened", () => {
    const moves = fc.array(fc.record({ key: fc.integer({ min: 0, max: 4 }), up: fc.boolean() }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(moves, (all) => {
        const ranking = new Ranking<number>();
        const naive = new Map<number, number>();
        for (const { key, up } of all) {
          const count = naive.get(key) ?? 0;
          if (up) ranking.raise(key);
          else if (count > 0) ranking.lower(key);
          naive.set(key, up ? count + 1 : Math.max(0, count - 1));
          const counts = [...naive.values()];
          expect(ranking.total).toBe(counts.reduce((sum, n) => sum + n, 0));
          for (const [known, n] of naive) expect(ranking.countOf(known)).toBe(n);
          const { greatest } = ranking;
          const greatestCount = greatest === undefined ? 0 : ranking.countOf(greatest);
          expect(greatestCount).toBe(Math.max(...counts));
        }
      }),
    );
  });
});
