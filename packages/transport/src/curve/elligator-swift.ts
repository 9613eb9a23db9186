import type { Random } from "@lode/ports";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { elligatorSwift } from "@scure/btc-signer/p2p.js";

/** Bytes of an ElligatorSwift encoding: u ‖ t, each 32 bytes big-endian (BIP324). */
export const ELLIGATOR_SWIFT_SIZE = 64;

const { Fp } = secp256k1.Point;

/**
 * Encodes an x coordinate as 64 bytes that look random (BIP324 `XElligatorSwift`). Takes its randomness from the caller,
 * so that a seeded run repeats itself; about four draws on average.
 *
 * @param x 32 bytes big-endian, the x coordinate of a point on the curve; anything else gives an undecodable encoding
 */
export function encodeElligatorSwift(x: Uint8Array, random: Random): Uint8Array {
  const target = Fp.fromBytes(x);
  for (;;) {
    const draw = random(33);
    const u = Fp.create(Fp.fromBytes(draw.subarray(0, 32), true));
    // The decoder remaps u = 0 and t = 0, so neither comes back as itself.
    if (Fp.is0(u)) continue;
    const t = elligatorSwift._inv(target, u, draw[32]! & 7);
    if (t === undefined || Fp.is0(t)) continue;
    const encoded = new Uint8Array(ELLIGATOR_SWIFT_SIZE);
    encoded.set(Fp.toBytes(u), 0);
    encoded.set(Fp.toBytes(t), 32);
    return encoded;
  }
}

/** The x coordinate, 32 bytes big-endian, that any 64 bytes stand for (BIP324 `XSwiftEC`). Never fails. */
export function decodeElligatorSwift(encoded: Uint8Array): Uint8Array {
  return elligatorSwift.decode(encoded);
}
