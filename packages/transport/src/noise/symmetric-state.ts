import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { CipherState } from "./cipher-state.ts";

/** Spec 4.5.1. */
const PROTOCOL_NAME = "Noise_NX_Secp256k1+EllSwift_ChaChaPoly_SHA256";

const EMPTY = new Uint8Array(0);
/** The name is longer than a hash, so its hash stands for it (Noise 5.2). */
const INITIAL_CHAINING_KEY = sha256(new TextEncoder().encode(PROTOCOL_NAME));
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
    this.#h = sha256.create().update(this.#h).update(data).digest();
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
  const tempKey = hmac(sha256, chainingKey, inputKeyMaterial);
  const output1 = hmac(sha256, tempKey, Uint8Array.of(1));
  const output2 = hmac.create(sha256, tempKey).update(output1).update(Uint8Array.of(2)).digest();
  tempKey.fill(0);
  return [output1, output2];
}
