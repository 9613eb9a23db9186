import { createHash, createHmac } from "node:crypto";
import { CipherState } from "./cipher-state.ts";

/** Spec 4.5.1. */
const PROTOCOL_NAME = "Noise_NX_Secp256k1+EllSwift_ChaChaPoly_SHA256";

const EMPTY = new Uint8Array(0);
const ONE = Uint8Array.of(1);
const TWO = Uint8Array.of(2);
/** The name is longer than a hash, so its hash stands for it (Noise 5.2). */
const INITIAL_CHAINING_KEY = new Uint8Array(sha256(Buffer.from(PROTOCOL_NAME)));
/** An empty prologue is mixed in (spec 4.5.1 step 3). */
const INITIAL_HASH = sha256(INITIAL_CHAINING_KEY);

/** Two keys of 32 bytes each, one per direction. */
export interface TransportKeys {
  readonly initiatorToResponder: Uint8Array;
  readonly responderToInitiator: Uint8Array;
}

/** The paper's SymmetricState (Noise 5.2, spec 4.4.2), method for method. */
export class SymmetricState {
  readonly #cipher = new CipherState();
  #ck: Uint8Array = INITIAL_CHAINING_KEY.slice();
  #h: Uint8Array = INITIAL_HASH;

  mixKey(inputKeyMaterial: Uint8Array): void {
    const [ck, tempK] = hkdf(this.#ck, inputKeyMaterial);
    this.#ck.fill(0);
    this.#ck = ck;
    this.#cipher.initializeKey(tempK);
  }

  mixHash(data: Uint8Array): void {
    this.#h = sha256(this.#h, data);
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.#cipher.encryptWithAd(this.#h, plaintext);
    this.mixHash(ciphertext);
    return ciphertext;
  }

  /** Null: forged; the state must not be used further. */
  decryptAndHash(ciphertext: Uint8Array): Uint8Array | null {
    const plaintext = this.#cipher.decryptWithAd(this.#h, ciphertext);
    this.mixHash(ciphertext);
    return plaintext;
  }

  /** The transport keys; wipes everything else. */
  split(): TransportKeys {
    const [initiatorToResponder, responderToInitiator] = hkdf(this.#ck, EMPTY);
    this.wipe();
    return { initiatorToResponder, responderToInitiator };
  }

  /** Forgets all secrets. */
  wipe(): void {
    this.#ck.fill(0);
    this.#cipher.wipe();
  }
}

/** HKDF with two outputs (spec 4.4.2, RFC 5869 with an empty info). */
export function hkdf(chainingKey: Uint8Array, inputKeyMaterial: Uint8Array): [Uint8Array, Uint8Array] {
  const tempKey = hmac(chainingKey, inputKeyMaterial);
  const output1 = hmac(tempKey, ONE);
  const output2 = hmac(tempKey, output1, TWO);
  tempKey.fill(0);
  return [output1, output2];
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const keyed = createHmac("sha256", key);
  for (const part of parts) keyed.update(part);
  const { buffer, byteOffset, length } = keyed.digest();
  return new Uint8Array(buffer, byteOffset, length); // a Buffer's slice would be a view
}
