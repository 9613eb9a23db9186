import { loadNative } from "@lode/native";
import { type Random, systemRandom } from "@lode/ports";
import { elligatorSwift } from "@scure/btc-signer/p2p.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import decodeVectors from "../../../../test/vectors/bip324-ellswift-decode.json" with { type: "json" };
import inverseVectors from "../../../../test/vectors/bip324-xswiftec-inv.json" with { type: "json" };
import { decodeWithBigInt, encodeWithBigInt } from "./big-int-elligator-swift.ts";
import { decodeElligatorSwift, encodeElligatorSwift } from "./elligator-swift.ts";
import { loadLibsecp256k1 } from "./libsecp256k1-curve.ts";
import { nobleCurve } from "./noble-curve.ts";

const curves = [nobleCurve, loadLibsecp256k1()].filter((curve) => curve !== undefined);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

describe.each(curves)("ElligatorSwift without the addon, over $backend", (curve) => {
  it.each(decodeVectors.vectors)("decodes the BIP324 vector $ellswift", ({ ellswift, x }) => {
    expect(hex(decodeWithBigInt(curve, bytes(ellswift)))).toBe(x);
  });

  it("decodes any 64 bytes as the library does", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (encoded) => {
        expect(hex(decodeWithBigInt(curve, encoded))).toBe(hex(elligatorSwift.decode(encoded)));
      }),
      { numRuns: 100 },
    );
  });
});

describe("encoding without the addon", () => {
  const cases = inverseVectors.vectors.flatMap(({ u, x, t }) =>
    t.map((expected, ellCase) => ({ u, x, ellCase, expected })),
  );

  it.each(cases)("gives t for u=$u, x=$x in case $ellCase, or nothing", ({ u, x, ellCase, expected }) => {
    const encoded = new Uint8Array(64);
    const draw = Uint8Array.of(...bytes(u), ellCase);
    expect(encodeWithBigInt(bytes(x), draw, encoded)).toBe(expected !== null);
    expect(hex(encoded)).toBe(expected === null ? "00".repeat(64) : u + expected);
  });

  it("never uses a u of zero, which the decoder takes for one", () => {
    const { x } = inverseVectors.vectors[1]!;
    expect(encodeWithBigInt(bytes(x), new Uint8Array(33), new Uint8Array(64))).toBe(false);
  });
});

describe("ElligatorSwift", () => {
  const curve = curves.at(-1)!;

  it("draws again until a draw gives an encoding", () => {
    const { u, x, t } = inverseVectors.vectors[1]!;
    const draws = [new Uint8Array(33), Uint8Array.of(...bytes(u), 0)];
    expect(hex(encodeElligatorSwift(bytes(x), () => draws.shift()!))).toBe(u + t[0]);
  });

  it("decodes its own encodings back", () => {
    for (let i = 0; i < 20; i++) {
      const x = decodeElligatorSwift(curve, systemRandom(64));
      const encoded = encodeElligatorSwift(x, systemRandom);
      expect(hex(decodeElligatorSwift(curve, encoded))).toBe(hex(x));
    }
  });
});

/** The addon where it loads, else the stand-in. */
const part = loadNative("auto").elligatorSwift;

/** Hands out what was drawn before, so that a second run sees the same randomness. */
function replay(draws: readonly Uint8Array[]): Random {
  const left = [...draws];
  return (size) => {
    const draw = left.shift()!;
    expect(draw).toHaveLength(size);
    return draw;
  };
}

describe.skipIf(part === null)("with the addon and without", () => {
  const curve = curves.at(-1)!;
  const wordWith = (byte: number) =>
    fc.uint8Array({ minLength: 32, maxLength: 32 }).map((word) => word.slice().fill(byte, 0, 27));
  const word = fc.oneof(
    { weight: 4, arbitrary: fc.uint8Array({ minLength: 32, maxLength: 32 }) },
    { weight: 1, arbitrary: wordWith(0x00) },
    { weight: 1, arbitrary: wordWith(0xff) }, // around the prime
  );

  it("any 64 bytes decode alike", () => {
    const x = new Uint8Array(32);
    fc.assert(
      fc.property(word, word, (u, t) => {
        const encoded = Uint8Array.of(...u, ...t);
        part!.decode(encoded, x);
        expect(hex(x)).toBe(hex(decodeWithBigInt(curve, encoded)));
      }),
      { numRuns: 300 },
    );
  });

  it("every draw has the same outcome", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        word,
        fc.nat({ max: 255 }),
        (point, u, last) => {
          const x = decodeWithBigInt(curve, point);
          const draw = Uint8Array.of(...u, last);
          const [one, other] = [part!.encode, encodeWithBigInt].map((encode) => {
            const encoded = new Uint8Array(64);
            return [encode(x, draw, encoded), hex(encoded)];
          });
          expect(one).toEqual(other);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("the same randomness gives the same key", () => {
    for (let i = 0; i < 10; i++) {
      const x = decodeElligatorSwift(curve, systemRandom(64));
      const draws: Uint8Array[] = [];
      const encoded = encodeElligatorSwift(x, (size) => {
        const draw = systemRandom(size);
        draws.push(draw);
        return draw;
      });
      const again = new Uint8Array(64);
      const random = replay(draws);
      while (!encodeWithBigInt(x, random(33), again));
      expect(hex(again)).toBe(hex(encoded));
    }
  });
});
