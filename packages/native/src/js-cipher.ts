import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { refuse, requireApart, requireBytes, requireSize, requireU32 } from "./arguments.ts";
import {
  type FrameCipher,
  MAX_BLOCK_PLAINTEXT,
  MAX_FRAME_PAYLOAD,
  sealedFrameSize,
  sealedPayloadSize,
} from "./contract.ts";

const KEY_SIZE = 32;
const FRAME_HEADER_SIZE = 6;
const TAG_SIZE = 16;
const SEALED_HEADER_SIZE = FRAME_HEADER_SIZE + TAG_SIZE;
const TWO_32 = 2 ** 32;

/** A cipher on the JavaScript heap. The counter is kept as two u32 halves, so no message costs a BigInt. */
export class JsFrameCipher implements FrameCipher {
  readonly #key: Uint8Array;
  readonly #nonce = new Uint8Array(12);
  readonly #nonceView = new DataView(this.#nonce.buffer);
  #low = 0;
  #high = 0;
  #freed = false;

  /** @param counter where to start; only tests of the wrap use it, the public surface never passes it */
  constructor(key: Uint8Array, counter = 0n) {
    requireSize(key, "key", KEY_SIZE);
    this.#key = new Uint8Array(key);
    this.#low = Number(counter & 0xffffffffn);
    this.#high = Number(counter >> 32n);
  }

  sealFrame(frame: Uint8Array, out: Uint8Array, offset: number): number {
    this.#requireAlive();
    requireBytes(frame, "frame");
    const payloadLength = frame.length - FRAME_HEADER_SIZE;
    if (payloadLength < 0 || payloadLength > MAX_FRAME_PAYLOAD) {
      refuse("invalid-length", "frame must be 6 to 16777221 bytes");
    }
    requireBytes(out, "out");
    requireU32(offset, "offset");
    const size = sealedFrameSize(payloadLength);
    if (offset + size > out.length) refuse("invalid-length", "out is too short");
    requireApart(frame, out.subarray(offset, offset + size), "out");
    this.#requireNonces(1 + blockCount(payloadLength));

    let to = offset;
    for (let from = 0; from < frame.length; ) {
      const length = from === 0 ? FRAME_HEADER_SIZE : Math.min(MAX_BLOCK_PLAINTEXT, frame.length - from);
      const sealed = out.subarray(to, to + length + TAG_SIZE);
      this.#block(0).encrypt(frame.subarray(from, from + length), sealed);
      this.#advance(1);
      from += length;
      to += sealed.length;
    }
    return size;
  }

  openHeader(sealed: Uint8Array, offset: number, header: Uint8Array): boolean {
    this.#requireAlive();
    const input = requireRange(sealed, offset, SEALED_HEADER_SIZE);
    requireSize(header, "header", FRAME_HEADER_SIZE);
    requireApart(input, header, "header");
    this.#requireNonces(1);
    return this.#open(input, FRAME_HEADER_SIZE, header);
  }

  openPayload(sealed: Uint8Array, offset: number, length: number, out: Uint8Array): boolean {
    this.#requireAlive();
    requireU32(length, "length");
    if (length > MAX_FRAME_PAYLOAD) refuse("invalid-length", "length must be at most 16777215");
    const input = requireRange(sealed, offset, sealedPayloadSize(length));
    requireBytes(out, "out");
    if (length > out.length) refuse("invalid-length", "out is too short");
    const output = out.subarray(0, length);
    requireApart(input, output, "out");
    this.#requireNonces(blockCount(length));
    const genuine = this.#open(input, MAX_BLOCK_PLAINTEXT, output);
    if (!genuine) output.fill(0);
    return genuine;
  }

  free(): void {
    this.#key.fill(0);
    this.#freed = true;
  }

  #requireAlive(): void {
    if (this.#freed) refuse("freed-handle", "the cipher was freed");
  }

  /** Noise 5.1 reserves the last nonce, so the counter never passes 2^64-1. */
  #requireNonces(count: number): void {
    if (this.#high === TWO_32 - 1 && this.#low + count > TWO_32 - 1) {
      refuse("nonce-exhausted", "the nonce counter would wrap");
    }
  }

  /** Opens consecutive blocks of at most `most` plaintext bytes; advances only when all of them are genuine. */
  #open(sealed: Uint8Array, most: number, output: Uint8Array): boolean {
    let count = 0;
    let from = 0;
    for (let to = 0; to < output.length; count++) {
      const length = Math.min(most, output.length - to);
      const end = from + length + TAG_SIZE;
      try {
        this.#block(count).decrypt(sealed.subarray(from, end), output.subarray(to, to + length));
      } catch {
        return false;
      }
      from = end;
      to += length;
    }
    this.#advance(count);
    return true;
  }

  /** The cipher of the message `ahead` of the counter. */
  #block(ahead: number) {
    const low = this.#low + ahead;
    this.#nonceView.setUint32(4, low % TWO_32, true);
    this.#nonceView.setUint32(8, this.#high + Math.floor(low / TWO_32), true);
    return chacha20poly1305(this.#key, this.#nonce);
  }

  #advance(count: number): void {
    const low = this.#low + count;
    this.#low = low % TWO_32;
    this.#high += Math.floor(low / TWO_32);
  }
}

function blockCount(payloadLength: number): number {
  return Math.ceil(payloadLength / MAX_BLOCK_PLAINTEXT);
}

function requireRange(sealed: Uint8Array, offset: number, size: number): Uint8Array {
  requireBytes(sealed, "sealed");
  requireU32(offset, "offset");
  if (offset + size > sealed.length) refuse("invalid-length", "sealed is too short");
  return sealed.subarray(offset, offset + size);
}
