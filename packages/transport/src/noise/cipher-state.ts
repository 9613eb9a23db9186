import { createCipheriv, getCiphers } from "node:crypto";
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
    const sealed = seal(this.#k, nonceBytes(this.#n), ad, plaintext);
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

/** Seals with an authentication tag at the end (RFC 8439). */
type Seal = (key: Uint8Array, nonce: Uint8Array, ad: Uint8Array, plaintext: Uint8Array) => Uint8Array;

const ALGORITHM = "chacha20-poly1305";

/** By OpenSSL: a third of noble's time, which a server pays twice a handshake. */
export const sealWithOpenssl: Seal = (key, nonce, ad, plaintext) => {
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_SIZE });
  cipher.setAAD(ad, { plaintextLength: plaintext.length });
  const sealed = new Uint8Array(plaintext.length + TAG_SIZE);
  sealed.set(cipher.update(plaintext), 0);
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return sealed;
};

/** Where OpenSSL lacks the algorithm (FIPS builds). */
export const sealWithNoble: Seal = (key, nonce, ad, plaintext) =>
  chacha20poly1305(key, nonce, ad).encrypt(plaintext);

const seal = getCiphers().includes(ALGORITHM) ? sealWithOpenssl : sealWithNoble;

/** Four zero bytes and the counter as a little-endian u64 (spec 4.4.1); a handshake never reaches 2^32. */
function nonceBytes(n: number): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(4, n, true);
  return nonce;
}
