import { schnorr, secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { base58, createBase58check } from "@scure/base";
import { KeyError } from "./key-error.ts";

const base58check = createBase58check(sha256);

/** Version of the authority public key's text form, a little-endian u16 in front of the key (spec 4.7). */
const PUBLIC_KEY_VERSION = 1;

/** Longest text looked at; both forms are shorter by far. Base58 decoding is quadratic. */
const MAX_TEXT = 128;

/**
 * An authority public key as people write it (spec 4.7): base58check of `01 00` and the x-only key.
 *
 * @param publicKey 32 bytes, BIP340
 * @throws KeyError `bad-length` or `not-on-curve`
 */
export function encodeAuthorityPublicKey(publicKey: Uint8Array): string {
  checkPoint(publicKey);
  const prefixed = new Uint8Array(34);
  prefixed[0] = PUBLIC_KEY_VERSION;
  prefixed.set(publicKey, 2);
  return base58check.encode(prefixed);
}

/**
 * Reads {@link encodeAuthorityPublicKey}'s form.
 *
 * @returns the x-only key, 32 bytes
 * @throws KeyError `bad-characters`, `bad-checksum`, `bad-length`, `bad-version` or `not-on-curve`
 */
export function decodeAuthorityPublicKey(text: string): Uint8Array {
  const bytes = decodeBase58check(text);
  if (bytes.length !== 34) throw new KeyError({ code: "bad-length", expected: 34, actual: bytes.length });
  const version = bytes[0]! | (bytes[1]! << 8);
  if (version !== PUBLIC_KEY_VERSION) {
    throw new KeyError({ code: "bad-version", expected: PUBLIC_KEY_VERSION, actual: version });
  }
  const publicKey = bytes.slice(2);
  checkPoint(publicKey);
  return publicKey;
}

/**
 * An authority secret key as the reference implementation writes it: base58check of the 32 bytes, no version.
 *
 * @throws KeyError `bad-length` or `out-of-range`
 */
export function encodeAuthoritySecretKey(secretKey: Uint8Array): string {
  checkSecret(secretKey);
  return base58check.encode(secretKey);
}

/**
 * Reads {@link encodeAuthoritySecretKey}'s form. Also takes all that `lode keys generate` prints, which ends up in files.
 *
 * @returns 32 bytes, big-endian
 * @throws KeyError `bad-characters`, `bad-checksum`, `bad-length` or `out-of-range`
 */
export function decodeAuthoritySecretKey(text: string): Uint8Array {
  const printed = text.length > 1024 ? undefined : /^\s*authority_secret_key\s*=\s*"(\w*)"/m.exec(text)?.[1];
  const secretKey = decodeBase58check(printed ?? text);
  checkSecret(secretKey);
  return secretKey;
}

function decodeBase58check(text: string): Uint8Array {
  if (text.length > MAX_TEXT) throw new KeyError({ code: "bad-length", expected: 34, actual: text.length });
  try {
    base58.decode(text);
  } catch {
    throw new KeyError({ code: "bad-characters" });
  }
  try {
    return base58check.decode(text);
  } catch {
    throw new KeyError({ code: "bad-checksum" });
  }
}

function checkPoint(publicKey: Uint8Array): void {
  if (publicKey.length !== 32) {
    throw new KeyError({ code: "bad-length", expected: 32, actual: publicKey.length });
  }
  try {
    schnorr.utils.lift_x(BigInt(`0x${Buffer.from(publicKey).toString("hex")}`));
  } catch {
    throw new KeyError({ code: "not-on-curve" });
  }
}

function checkSecret(secretKey: Uint8Array): void {
  if (secretKey.length !== 32) {
    throw new KeyError({ code: "bad-length", expected: 32, actual: secretKey.length });
  }
  if (!secp256k1.utils.isValidSecretKey(secretKey)) throw new KeyError({ code: "out-of-range" });
}
