import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { initEccLib } from "bitcoinjs-lib";

const { Fp, Fn } = secp256k1.Point;

/**
 * Curve operations on noble-curves under tiny-secp256k1's names: the first two are what bitcoinjs-lib needs for taproot, the
 * others sign and check. Bytes are big-endian; malformed input to a check counts as false or null.
 */
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
  /** Compressed public key (33 bytes) of a secret key (32 bytes); throws when it is none. */
  publicKey(secretKey: Uint8Array): Uint8Array {
    return secp256k1.getPublicKey(secretKey, true);
  },
  /** ECDSA over a 32-byte digest, deterministic (RFC 6979): r ‖ s, 64 bytes, with the low s. */
  sign(digest: Uint8Array, secretKey: Uint8Array): Uint8Array {
    return secp256k1.sign(digest, secretKey, { prehash: false, lowS: true });
  },
  /** BIP340 signature over a 32-byte message; `auxiliary` is 32 bytes of randomness, zeros if absent. */
  signSchnorr(message: Uint8Array, secretKey: Uint8Array, auxiliary = new Uint8Array(32)): Uint8Array {
    return schnorr.sign(message, secretKey, auxiliary);
  },
  /** ECDSA over a 32-byte digest; `signature` is r ‖ s, 64 bytes, with s of either half (consensus, not policy). */
  verify(digest: Uint8Array, publicKey: Uint8Array, signature: Uint8Array): boolean {
    try {
      return secp256k1.verify(signature, digest, publicKey, { prehash: false, lowS: false });
    } catch {
      return false;
    }
  },
  /** BIP340 over a 32-byte message with an x-only key. */
  verifySchnorr(message: Uint8Array, publicKey: Uint8Array, signature: Uint8Array): boolean {
    try {
      return schnorr.verify(signature, message, publicKey);
    } catch {
      return false;
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
