import { native } from "@lode/native";
import type { Random } from "@lode/ports";
import { decodeWithBigInt, encodeWithBigInt } from "./big-int-elligator-swift.ts";
import type { Curve } from "./curve.ts";

/** Bytes of an ElligatorSwift encoding: u ‖ t, each 32 bytes big-endian (BIP324). */
export const ELLIGATOR_SWIFT_SIZE = 64;

/**
 * Encodes an x coordinate as 64 bytes that look random (BIP324 `XElligatorSwift`). Takes its randomness from the caller,
 * so that a seeded run repeats itself, whatever computes; about four draws of 33 bytes on average.
 *
 * @param x 32 bytes big-endian, the x coordinate of a point on the curve; anything else gives an undecodable encoding
 */
export function encodeElligatorSwift(x: Uint8Array, random: Random): Uint8Array {
  const encode = native.elligatorSwift?.encode ?? encodeWithBigInt;
  const encoded = new Uint8Array(ELLIGATOR_SWIFT_SIZE);
  while (!encode(x, random(33), encoded));
  return encoded;
}

/**
 * The x coordinate, 32 bytes big-endian, that any 64 bytes stand for (BIP324 `XSwiftEC`). Never fails. They come from the
 * wire, so nothing secret depends on how long it takes.
 */
export function decodeElligatorSwift(curve: Curve, encoded: Uint8Array): Uint8Array {
  const { elligatorSwift } = native;
  if (elligatorSwift === null) return decodeWithBigInt(curve, encoded);
  const x = new Uint8Array(32);
  elligatorSwift.decode(encoded, x);
  return x;
}
