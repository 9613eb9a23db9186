import { type FrameCipher, sealedPayloadSize } from "@lode/native";
import { type FrameHeader, HEADER_SIZE, parseFrameHeader } from "@lode/protocol";
import { type MaxLength, UNKNOWN_MESSAGE_MAX_LENGTH } from "./limits.ts";

/** Who gets the frames. */
export interface FrameSink {
  /** One frame; `payload` is valid during the call only. False: no more frames, please. */
  deliver(header: FrameHeader, payload: Uint8Array): boolean;
}

/** What ends the stream. */
export type FrameFault = "forged-header" | "forged-payload" | "frame-too-long";

/** The header sealed alone (SV2 4.6): 6 bytes and a tag. */
const SEALED_HEADER_SIZE = 22;
const EMPTY = new Uint8Array(0);

/** Plaintext of the frame being delivered; all connections take turns, since a payload lives for one call only. */
const sharedPlaintext = new Uint8Array(65_536);
let sharedInUse = false;
const headerBytes = new Uint8Array(HEADER_SIZE);

/**
 * Cuts a stream of ciphertext into frames, however it is chunked, and opens them straight from the chunk. Only a header or
 * payload that is split over chunks is collected, in a buffer of exactly its size, so an idle connection holds none.
 */
export class FrameOpener {
  readonly #cipher: FrameCipher;
  readonly #maxLength: MaxLength;
  /** The header whose payload is awaited. */
  #header: FrameHeader | null = null;
  #partial: Uint8Array | null = null;
  #collected = 0;
  #frames = 0;

  constructor(cipher: FrameCipher, maxLength: MaxLength) {
    this.#cipher = cipher;
    this.#maxLength = maxLength;
  }

  /** Frames opened so far. */
  get frames(): number {
    return this.#frames;
  }

  /** True when a frame has begun and not ended. */
  get midFrame(): boolean {
    return this.#header !== null || this.#partial !== null;
  }

  /**
   * Takes the next bytes and delivers the frames they complete.
   *
   * @returns null, or why the connection must end; nothing may be pushed after that, or after the sink refused more
   */
  push(chunk: Uint8Array, sink: FrameSink): FrameFault | null {
    let offset = 0;
    for (;;) {
      const header = this.#header;
      const needed = header === null ? SEALED_HEADER_SIZE : sealedPayloadSize(header.length);
      let sealed = chunk;
      let at = offset;
      if (this.#partial === null && chunk.length - offset >= needed) {
        offset += needed;
      } else {
        offset += this.#collect(chunk, offset, needed);
        if (this.#partial === null || this.#collected < needed) return null;
        sealed = this.#partial;
        at = 0;
        this.#partial = null;
      }
      if (header === null) {
        const fault = this.#openHeader(sealed, at);
        if (fault !== null) return fault;
      } else {
        this.#header = null;
        const outcome = this.#openPayload(header, sealed, at, sink);
        if (outcome === "refused") return null;
        if (outcome !== null) return outcome;
      }
    }
  }

  /** Adds what the chunk has to the split unit and returns how much that was. */
  #collect(chunk: Uint8Array, offset: number, needed: number): number {
    if (this.#partial === null) {
      if (offset === chunk.length) return 0;
      this.#partial = new Uint8Array(needed);
      this.#collected = 0;
    }
    const taken = Math.min(needed - this.#collected, chunk.length - offset);
    this.#partial.set(chunk.subarray(offset, offset + taken), this.#collected);
    this.#collected += taken;
    return taken;
  }

  #openHeader(sealed: Uint8Array, at: number): FrameFault | null {
    if (!this.#cipher.openHeader(sealed, at, headerBytes)) return "forged-header";
    const header = parseFrameHeader(headerBytes);
    const cap = this.#maxLength(header.extensionType, header.msgType) ?? UNKNOWN_MESSAGE_MAX_LENGTH;
    if (header.length > cap) return "frame-too-long";
    this.#header = header;
    return null;
  }

  #openPayload(
    header: FrameHeader,
    sealed: Uint8Array,
    at: number,
    sink: FrameSink,
  ): FrameFault | "refused" | null {
    const { length } = header;
    this.#frames += 1;
    if (length === 0) return sink.deliver(header, EMPTY) ? null : "refused";
    const shared = !sharedInUse && length <= sharedPlaintext.length;
    const plaintext = shared ? sharedPlaintext : new Uint8Array(length);
    if (!this.#cipher.openPayload(sealed, at, length, plaintext)) return "forged-payload";
    const before = sharedInUse;
    sharedInUse ||= shared;
    try {
      return sink.deliver(header, plaintext.subarray(0, length)) ? null : "refused";
    } finally {
      sharedInUse = before;
    }
  }
}
