import { secp256k1 } from "@noble/curves/secp256k1.js";
import { elligatorSwift } from "@scure/btc-signer/p2p.js";
import type { Curve } from "./curve.ts";

const { Fp } = secp256k1.Point;
const HALF = Fp.inv(2n);
/** The root that is itself a square (BIP324). */
const SQRT_MINUS_3 = Fp.sqrt(Fp.neg(3n));

/** `XSwiftECInv` in BigInt arithmetic, for machines without the native addon: as `ElligatorSwift.encode` of `@lode/native`. */
export function encodeWithBigInt(x: Uint8Array, draw: Uint8Array, encoded: Uint8Array): boolean {
  const target = Fp.fromBytes(x);
  const u = Fp.create(Fp.fromBytes(draw.subarray(0, 32), true));
  // The decoder remaps u = 0 and t = 0, so neither comes back as itself.
  if (Fp.is0(u)) return false;
  const t = elligatorSwift._inv(target, u, draw[32]! & 7);
  if (t === undefined || Fp.is0(t)) return false;
  encoded.set(Fp.toBytes(u), 0);
  encoded.set(Fp.toBytes(t), 32);
  return true;
}

/**
 * `XSwiftEC` in BigInt arithmetic, for machines without the native addon. Written out here because with the curve's own test
 * for points and one inversion it takes a quarter of the library's time.
 */
export function decodeWithBigInt(curve: Curve, encoded: Uint8Array): Uint8Array {
  // BIP324: both halves are read modulo p, and zeros become ones.
  let u = Fp.create(Fp.fromBytes(encoded.subarray(0, 32), true));
  let t = Fp.create(Fp.fromBytes(encoded.subarray(32, 64), true));
  if (Fp.is0(u)) u = Fp.ONE;
  if (Fp.is0(t)) t = Fp.ONE;
  const g = Fp.add(Fp.mul(Fp.sqr(u), u), 7n); // u³ + 7
  if (Fp.is0(Fp.add(g, Fp.sqr(t)))) t = Fp.add(t, t);
  // BIP324 has X = (g - t²) / 2t and Y = (X + t) / (√-3·u). With n = g - t² and m = g + t² that is
  // Y = m / (2t·√-3·u) and X/Y = n·√-3·u / m, and one inversion serves both denominators.
  const tt = Fp.sqr(t);
  const m = Fp.add(g, tt);
  const cu = Fp.mul(SQRT_MINUS_3, u);
  const denominator = Fp.mul(Fp.add(t, t), cu);
  const inverse = Fp.inv(Fp.mul(denominator, m));
  const y = Fp.mul(Fp.sqr(m), inverse);
  const third = Fp.toBytes(Fp.add(u, Fp.mul(4n, Fp.sqr(y)))); // u + 4Y²
  if (curve.hasX(third)) return third;
  const ratio = Fp.mul(Fp.mul(Fp.sub(g, tt), cu), Fp.mul(denominator, inverse));
  const second = Fp.toBytes(Fp.mul(Fp.neg(Fp.add(ratio, u)), HALF)); // (-X/Y - u) / 2
  if (curve.hasX(second)) return second;
  return Fp.toBytes(Fp.mul(Fp.sub(ratio, u), HALF)); // (X/Y - u) / 2: one of the three always is a point's
}
