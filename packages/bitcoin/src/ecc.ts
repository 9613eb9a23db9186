import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { initEccLib } from "bitcoinjs-lib";

const { Fp, Fn } = secp256k1.Point;

/** The two curve operations bitcoinjs-lib needs for taproot, on noble-curves. Bytes are big-endian (BIP340). */
export const ecc = {
  /** True when `x` (32 bytes) is the x coordinate of a point on secp256k1: a payable taproot output key. */
  isXOnlyPoint(x: Uint8Array): boolean {
    if (x.length !== 32) return false;
    try {
      schnorr.utils.lift_x(Fp.fromBytes(x));
      return true;
    } catch {
      return false;
    }
  },
  /** BIP341 `P + tweak·G` of an x-only key; null when the inputs or the result are no point. */
  xOnlyPointAddTweak(x: Uint8Array, tweak: Uint8Array): { parity: 0 | 1; xOnlyPubkey: Uint8Array } | null {
    try {
      const scalar = Fn.fromBytes(tweak);
      const tweaked = schnorr.utils
        .lift_x(Fp.fromBytes(x))
        .add(scalar === 0n ? secp256k1.Point.ZERO : secp256k1.Point.BASE.multiplyUnsafe(scalar));
      tweaked.assertValidity();
      return { parity: tweaked.toAffine().y & 1n ? 1 : 0, xOnlyPubkey: schnorr.utils.pointToBytes(tweaked) };
    } catch {
      return null;
    }
  },
};

let installed = false;

/** Gives bitcoinjs-lib its curve (it checks the adapter with its own vectors); the first taproot script pays for it. */
export function installEcc(): void {
  if (installed) return;
  initEccLib(ecc);
  installed = true;
}
