import { chacha20poly1305 } from "@noble/ciphers/chacha.js";

/** Bytes of an authentication tag. */
export const TAG_SIZE = 16;

/**
 * The paper's CipherState (Noise 5.1, spec 4.4.1) for the few messages of a handshake; frames are sealed by `@lode/native`.
 * Key and counter are private: a nonce cannot be set or repeated.
 */
export class CipherState {
  #k: Uint8Array | null = null;
  #n = 0;

  /** Sets the key (32 bytes, taken over and wiped later) and starts counting at zero. */
  initializeKey(key: Uint8Array): void {
    this.wipe();
    this.#k = key;
    this.#n = 0;
  }

  /** Seals; without a key, returns the plaintext itself. */
  encryptWithAd(ad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    if (this.#k === null) return plaintext;
    const sealed = chacha20poly1305(this.#k, nonceBytes(this.#n), ad).encrypt(plaintext);
    this.#n += 1;
    return sealed;
  }

  /** Opens; without a key, returns the ciphertext itself. Null: forged, the counter stays. */
  decryptWithAd(ad: Uint8Array, ciphertext: Uint8Array): Uint8Array | null {
    if (this.#k === null) return ciphertext;
    try {
      const plaintext = chacha20poly1305(this.#k, nonceBytes(this.#n), ad).decrypt(ciphertext);
      this.#n += 1;
      return plaintext;
    } catch {
      return null;
    }
  }

  /** Forgets the key. */
  wipe(): void {
    this.#k?.fill(0);
    this.#k = null;
  }
}

/** Four zero bytes and the counter as a little-endian u64 (spec 4.4.1); a handshake never reaches 2^32. */
function nonceBytes(n: number): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(4, n, true);
  return nonce;
}
