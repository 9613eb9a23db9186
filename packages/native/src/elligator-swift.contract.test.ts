import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backends, outcome } from "./backends-under-test.ts";

const vectors = <T>(name: string): T[] =>
  JSON.parse(readFileSync(new URL(`../../../test/vectors/${name}.json`, import.meta.url), "utf8")).vectors;
const decodeVectors = vectors<{ ellswift: string; x: string }>("bip324-ellswift-decode");
const inverseVectors = vectors<{ u: string; x: string; t: (string | null)[] }>("bip324-xswiftec-inv");

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const word = (n: bigint): Uint8Array => bytes(n.toString(16).padStart(64, "0"));
const number = (data: Uint8Array): bigint => BigInt(`0x${hex(data)}`);

/** secp256k1's field, and BIP324's `XSwiftEC` as it is written there. */
const P = 2n ** 256n - 2n ** 32n - 977n;
const mod = (n: bigint): bigint => ((n % P) + P) % P;
function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let n = mod(base), e = exponent; e > 0n; n = mod(n * n), e >>= 1n)
    if (e & 1n) result = mod(result * n);
  return result;
}
const divide = (a: bigint, b: bigint): bigint => mod(a * power(b, P - 2n));
const onCurve = (x: bigint): boolean => power(x ** 3n + 7n, (P - 1n) / 2n) === 1n;
const ROOT = power(P - 3n, (P + 1n) / 4n);

function xSwiftEc(encoded: Uint8Array): bigint {
  const u = mod(number(encoded.subarray(0, 32))) || 1n;
  let t = mod(number(encoded.subarray(32))) || 1n;
  if (mod(u ** 3n + t ** 2n + 7n) === 0n) t = mod(2n * t);
  const x = divide(u ** 3n + 7n - t ** 2n, 2n * t);
  const y = divide(x + t, ROOT * u);
  const candidates = [u + 4n * y ** 2n, divide(divide(-x, y) - u, 2n), divide(divide(x, y) - u, 2n)].map(mod);
  return candidates.find(onCurve)!;
}

/** Numbers where carries and reductions differ. */
const edges = [0n, 1n, 2n, P - 2n, P - 1n, P, P + 1n, P + 2n ** 32n, 2n ** 256n - 2n, 2n ** 256n - 1n];
const anyWord = fc.oneof(
  { weight: 3, arbitrary: fc.uint8Array({ minLength: 32, maxLength: 32 }) },
  { weight: 2, arbitrary: fc.constantFrom(...edges).map(word) },
  {
    weight: 2,
    arbitrary: fc
      .array(fc.constantFrom("0".repeat(16), "f".repeat(16), "fffffffefffffc2f", "00000001000003d1"), {
        minLength: 4,
        maxLength: 4,
      })
      .map((limbs) => bytes(limbs.join(""))),
  },
);

for (const { name, native, skipped } of backends) {
  const part = native.elligatorSwift;
  describe.skipIf(skipped)(`ElligatorSwift: ${name}`, () => {
    it.runIf(native.backend === "js")("is left to the caller", () => {
      expect(part).toBeNull();
    });

    if (part === null) return;
    const decode = (encoded: Uint8Array): Uint8Array => {
      const x = new Uint8Array(32);
      part.decode(encoded, x);
      return x;
    };

    it.each(decodeVectors)("decodes the BIP324 vector $ellswift", ({ ellswift, x }) => {
      expect(hex(decode(bytes(ellswift)))).toBe(x);
    });

    it.each(inverseVectors)("encodes x=$x with u=$u in all cases as BIP324 has it", ({ u, x, t }) => {
      const found = t.map((_, ellCase) => {
        const encoded = new Uint8Array(64).fill(9);
        // Only the low three bits of the last byte count.
        const draw = Uint8Array.of(...bytes(u), ellCase | 0xa8);
        if (part.encode(bytes(x), draw, encoded)) return hex(encoded);
        expect(encoded).toEqual(new Uint8Array(64).fill(9));
        return null;
      });
      expect(found).toEqual(t.map((expected) => expected && u + expected));
    });

    it("decodes anything as the definition says, and only to coordinates of points", () => {
      fc.assert(
        fc.property(anyWord, anyWord, (u, t) => {
          const encoded = Uint8Array.of(...u, ...t);
          expect(number(decode(encoded))).toBe(xSwiftEc(encoded));
        }),
        { numRuns: 300 },
      );
    });

    it("decodes where u³ + t² + 7 is zero, which the definition treats apart", () => {
      let met = 0;
      for (let u = 1n; met < 5; u++) {
        const square = mod(-(u ** 3n) - 7n);
        const t = power(square, (P + 1n) / 4n);
        if (mod(t * t) !== square) continue;
        met++;
        for (const root of [t, P - t]) {
          const encoded = Uint8Array.of(...word(u), ...word(root));
          expect(number(decode(encoded))).toBe(xSwiftEc(encoded));
        }
      }
    });

    it("encodes coordinates of points so that they decode to themselves, about one draw in four", () => {
      let drawn = 0;
      let taken = 0;
      const cases = new Set<number>();
      const ellCase = fc.nat({ max: 255 });
      fc.assert(
        fc.property(
          anyWord,
          anyWord,
          fc.array(fc.tuple(anyWord, ellCase), { minLength: 8 }),
          (a, b, draws) => {
            const x = decode(Uint8Array.of(...a, ...b));
            for (const [u, last] of draws) {
              const encoded = new Uint8Array(64);
              drawn++;
              if (!part.encode(x, Uint8Array.of(...u, last), encoded)) continue;
              taken++;
              cases.add(last & 7);
              expect(hex(decode(encoded))).toBe(hex(x));
              expect(number(encoded.subarray(0, 32))).toBe(mod(number(u)));
            }
          },
        ),
        { numRuns: 150 },
      );
      expect(taken).toBeGreaterThan(drawn / 20);
      expect(cases.size).toBe(8);
    });

    it("never uses a u of zero, which the decoder takes for one", () => {
      const x = decode(new Uint8Array(64));
      for (const zero of [0n, P]) {
        for (let ellCase = 0; ellCase < 8; ellCase++) {
          const draw = Uint8Array.of(...word(zero), ellCase);
          expect(part.encode(x, draw, new Uint8Array(64))).toBe(false);
        }
      }
    });

    it("refuses an x that is no number of the field", () => {
      for (const x of [P, P + 1n, 2n ** 256n - 1n]) {
        expect(outcome(() => part.encode(word(x), new Uint8Array(33), new Uint8Array(64)))).toMatchObject({
          threw: "NativeError",
          code: "invalid-argument",
        });
      }
      expect(part.encode(word(P - 1n), new Uint8Array(33), new Uint8Array(64))).toBe(false);
    });

    it("may write over what it reads", () => {
      const { ellswift, x } = decodeVectors[0]!;
      const memory = bytes(ellswift);
      part.decode(memory, memory.subarray(16, 48));
      expect(hex(memory.subarray(16, 48))).toBe(x);
    });

    it.each([
      ["encode", [31, 33, 64]],
      ["encode", [33, 33, 64]],
      ["encode", [32, 32, 64]],
      ["encode", [32, 34, 64]],
      ["encode", [32, 33, 63]],
      ["encode", [32, 33, 65]],
      ["decode", [63, 32]],
      ["decode", [65, 32]],
      ["decode", [64, 31]],
      ["decode", [64, 33]],
    ] as const)("%s refuses arrays of %j bytes", (method, sizes) => {
      const args = sizes.map((size) => new Uint8Array(size));
      expect(outcome(() => (part[method] as (...args: unknown[]) => unknown)(...args))).toMatchObject({
        threw: "NativeError",
        code: "invalid-length",
      });
    });
  });
}
