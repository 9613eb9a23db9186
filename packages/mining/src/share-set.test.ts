import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ShareSet } from "./share-set.ts";

const hashOf = (bytes: Uint8Array) => Uint8Array.of(...bytes, ...new Uint8Array(32 - bytes.length));

describe("the set of accepted headers", () => {
  it("answers as a set of the hashes' first bytes does", () => {
    // Few distinct bytes make long runs of neighbours in the table.
    const hash = fc
      .array(fc.constantFrom(0, 2, 254), { minLength: 8, maxLength: 8 })
      .map((b) => hashOf(Uint8Array.from(b)));
    fc.assert(
      fc.property(fc.array(hash, { maxLength: 400 }), (hashes) => {
        const set = new ShareSet();
        const model = new Set<string>();
        for (const each of hashes) {
          const key = each.join();
          expect(set.has(each)).toBe(model.has(key));
          if (!model.has(key)) set.add(each);
          model.add(key);
          expect(set.has(each)).toBe(true);
        }
        expect(set.size).toBe(model.size);
      }),
      { numRuns: 50 },
    );
  });

  it("tells the all-zero hash from an empty slot", () => {
    const set = new ShareSet();
    const zero = new Uint8Array(32);
    expect(set.has(zero)).toBe(false);
    set.add(zero);
    expect(set.has(zero)).toBe(true);
    expect(set.size).toBe(1);
  });
});
