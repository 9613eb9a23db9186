import { systemRandom } from "@lode/ports";
import { elligatorSwift } from "@scure/btc-signer/p2p.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import decodeVectors from "../../../../test/vectors/bip324-ellswift-decode.json" with { type: "json" };
import inverseVectors from "../../../../test/vectors/bip324-xswiftec-inv.json" with { type: "json" };
import { decodeElligatorSwift, encodeElligatorSwift } from "./elligator-swift.ts";
import { loadLibsecp256k1 } from "./libsecp256k1-curve.ts";
import { nobleCurve } from "./noble-curve.ts";

const curves = [nobleCurve, loadLibsecp256k1()].filter((curve) => curve !== undefined);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

describe.each(curves)("ElligatorSwift over $backend", (curve) => {
  it.each(decodeVectors.vectors)("decodes the BIP324 vector $ellswift", ({ ellswift, x }) => {
    expect(hex(decodeElligatorSwift(curve, bytes(ellswift)))).toBe(x);
  });

  it("decodes any 64 bytes as the library does", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (encoded) => {
        expect(hex(decodeElligatorSwift(curve, encoded))).toBe(hex(elligatorSwift.decode(encoded)));
      }),
      { numRuns: 100 },
    );
  });

  it("decodes its own encodings back", () => {
    for (let i = 0; i < 20; i++) {
      const x = decodeElligatorSwift(curve, systemRandom(64));
      const encoded = encodeElligatorSwift(x, systemRandom);
      expect(hex(decodeElligatorSwift(curve, encoded))).toBe(hex(x));
    }
  });
});

describe("encoding", () => {
  const cases = inverseVectors.vectors.flatMap(({ u, x, t }) =>
    t.map((expected, ellCase) => ({ u, x, ellCase, expected })),
  );

  it.each(cases)("gives t for u=$u, x=$x in case $ellCase, or draws again", ({ u, x, ellCase, expected }) => {
    const draws = [Buffer.concat([bytes(u), Uint8Array.of(ellCase)])];
    const random = (size: number): Uint8Array => {
      const draw = draws.shift();
      if (draw === undefined) throw new Error("drawn again");
      expect(draw.length).toBe(size);
      return draw;
    };
    if (expected === null) expect(() => encodeElligatorSwift(bytes(x), random)).toThrow("drawn again");
    else expect(hex(encodeElligatorSwift(bytes(x), random))).toBe(u + expected);
  });

  it("never uses a u of zero, which the decoder takes for one", () => {
    const { u, x, t } = inverseVectors.vectors[1]!;
    const draws = [new Uint8Array(33), Buffer.concat([bytes(u), Uint8Array.of(0)])];
    expect(hex(encodeElligatorSwift(bytes(x), () => draws.shift()!))).toBe(u + t[0]);
  });
});
