import type { Random } from "@lode/ports";
import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import type { Curve } from "../curve/curve.ts";
import { encodeElligatorSwift } from "../curve/elligator-swift.ts";
import { KeyError } from "./key-error.ts";

/** A secret key (32 bytes, big-endian, 1..n-1) with its x-only public key (32 bytes, BIP340). */
export interface Keypair {
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** The pool's long-lived key: signs certificates and nothing else; its public half is what miners configure (spec 4.7). */
export type AuthorityKey = Keypair;

/** A key as the handshake carries it: the public half in one ElligatorSwift encoding of 64 bytes (spec 4.3.1.1). */
export interface HandshakeKey {
  readonly secretKey: Uint8Array;
  readonly encoded: Uint8Array;
}

/** The key a server proves to own in every handshake, for the life of the process. */
export interface StaticIdentity extends HandshakeKey {
  /** x-only public key: what the certificate signs. */
  readonly publicKey: Uint8Array;
}

/** A fresh key pair. Draws again where the draw is no key (spec 4.3.1.1 step 3). */
export function generateKeypair(random: Random): Keypair {
  return keypairFromSecret(generateSecretKey(random));
}

/**
 * The pair of a known secret.
 *
 * @throws KeyError `bad-length` or `out-of-range`
 */
export function keypairFromSecret(secretKey: Uint8Array): Keypair {
  if (secretKey.length !== 32) {
    throw new KeyError({ code: "bad-length", expected: 32, actual: secretKey.length });
  }
  if (!secp256k1.utils.isValidSecretKey(secretKey)) throw new KeyError({ code: "out-of-range" });
  return { secretKey: secretKey.slice(), publicKey: schnorr.getPublicKey(secretKey) };
}

/** A fresh key for one handshake. The caller wipes `secretKey` after use. */
export function generateHandshakeKey(curve: Curve, random: Random): HandshakeKey {
  const secretKey = generateSecretKey(random);
  return { secretKey, encoded: encodeElligatorSwift(curve.publicX(secretKey), random) };
}

/** A fresh static key. */
export function generateStaticIdentity(curve: Curve, random: Random): StaticIdentity {
  const secretKey = generateSecretKey(random);
  const publicKey = curve.publicX(secretKey);
  return { secretKey, publicKey, encoded: encodeElligatorSwift(publicKey, random) };
}

function generateSecretKey(random: Random): Uint8Array {
  for (;;) {
    const secretKey = random(32);
    if (secp256k1.utils.isValidSecretKey(secretKey)) return secretKey;
  }
}
