import type { FrameCipher, NativeJob } from "./contract.ts";

/** The addon's functions. */
export interface AddonBinding {
  /** Double SHA-256 of `data` into the 32 bytes of `hash`. */
  sha256dInto(data: Uint8Array, hash: Uint8Array): void;
  /** As {@link Native.sendNow}. */
  sendNow(fd: number, data: Uint8Array, length: number): number;
  /** As {@link ElligatorSwift.encode}. */
  encodeElligatorSwift(x: Uint8Array, draw: Uint8Array, encoded: Uint8Array): boolean;
  /** As {@link ElligatorSwift.decode}. */
  decodeElligatorSwift(encoded: Uint8Array, x: Uint8Array): void;
  readonly Job: new (
    coinbaseTxPrefix: Uint8Array,
    coinbaseTxSuffix: Uint8Array,
    merklePath: Uint8Array,
    prevHash: Uint8Array,
    nbits: number,
  ) => NativeJob;
  readonly Cipher: new (key: Uint8Array) => FrameCipher;
  /** For tests alone: bytes outside its heap that the garbage collector knows of. */
  externalMemory(): number;
  /** For tests of the wrap alone: a cipher whose counter starts somewhere else. */
  readonly CipherAt: new (
    key: Uint8Array,
    counter: bigint,
  ) => FrameCipher;
}
