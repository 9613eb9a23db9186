import type { Socket } from "node:net";
import { type FrameCipher, type Native, sealedFrameSize, sealedPayloadSize } from "@lode/native";
import { type FrameHeader, HEADER_SIZE, parseFrameHeader } from "@lode/protocol";
import type { FrameConnection, FrameHandler } from "@lode/transport";

/** The header sealed alone (SV2 4.6): 6 bytes and a tag. */
const SEALED_HEADER_SIZE = 22;
const MAX_PAYLOAD = 65_536;
const NOTHING = Buffer.alloc(0);
const header = new Uint8Array(HEADER_SIZE);
/** Payload of the frame being handled; handlers never wait for another frame. */
const plaintext = new Uint8Array(MAX_PAYLOAD);
/** Ciphertext of the one connection that has some to write. */
const staging = Buffer.allocUnsafeSlow(MAX_PAYLOAD);
let staged = 0;
let stager: CrowdConnection | undefined;
let flushScheduled = false;

function flushStager(): void {
  flushScheduled = false;
  stager?.flush();
}

let lastId = 0;

/**
 * The client's end of one encrypted connection, for load: no timers, no bounds on what is queued, frames of up to 64 KiB. What
 * is sent leaves with {@link flush}, when another connection sends, or at the end of the turn.
 */
export class CrowdConnection implements FrameConnection {
  readonly id = ++lastId;
  readonly remoteAddress: string;
  readonly #socket: Socket;
  readonly #sealer: FrameCipher;
  readonly #opener: FrameCipher;
  #handler: FrameHandler | undefined;
  /** Bytes of a frame that is not complete, or that came before the handler. */
  #rest = NOTHING;
  /** Header of the frame whose payload is awaited: it can be opened only once. */
  #pending: FrameHeader | undefined;
  #reason: string | undefined;
  #closed = false;

  constructor(socket: Socket, keys: { sendKey: Uint8Array; receiveKey: Uint8Array }, native: Native) {
    this.remoteAddress = socket.remoteAddress ?? "";
    this.#socket = socket;
    this.#sealer = native.createCipher(keys.sendKey);
    this.#opener = native.createCipher(keys.receiveKey);
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#reason ??= error.code === "ECONNRESET" ? "connection-reset" : "socket-failed";
    });
    socket.once("close", () => {
      this.#closed = true;
      this.#sealer.free();
      this.#opener.free();
      this.#handler?.onClose(this.#reason ?? "peer-closed");
    });
  }

  get queuedBytes(): number {
    return (stager === this ? staged : 0) + this.#socket.writableLength;
  }

  start(handler: FrameHandler): void {
    this.#handler = handler;
    if (this.#rest.length > 0) setImmediate(() => this.take(NOTHING, 0));
  }

  /** Takes what the socket has read; the bytes are not kept. */
  take(bytes: Buffer, size: number): void {
    let sealed = bytes;
    let end = size;
    if (this.#rest.length > 0) {
      sealed = Buffer.concat([this.#rest, bytes.subarray(0, size)]);
      end = sealed.length;
      this.#rest = NOTHING;
    }
    const used = this.#handler === undefined ? 0 : this.#open(sealed, end);
    if (used < end && !this.#closed) this.#rest = Buffer.from(sealed.subarray(used, end));
  }

  send(frame: Uint8Array): void {
    if (this.#reason !== undefined || this.#closed) return;
    const size = sealedFrameSize(frame.length - HEADER_SIZE);
    if (stager !== this || staged + size > staging.length) {
      stager?.flush();
      stager = this;
      if (!flushScheduled) setImmediate(flushStager);
      flushScheduled = true;
    }
    staged += this.#sealer.sealFrame(frame, staging, staged);
  }

  flush(): void {
    if (stager !== this) return;
    if (!this.#closed) this.#socket.write(Buffer.from(staging.subarray(0, staged)));
    stager = undefined;
    staged = 0;
  }

  /** Frames wait nowhere here. */
  readReceived(): void {}

  close(reason: string): void {
    this.flush();
    this.#reason ??= reason;
    this.#socket.end();
  }

  destroy(reason: string): void {
    this.#reason ??= reason;
    this.flush();
    this.#socket.destroy();
  }

  /** Handles the frames that are complete, and returns how many bytes they were. */
  #open(sealed: Buffer, end: number): number {
    let at = 0;
    while (end - at >= SEALED_HEADER_SIZE) {
      const next = this.#pending ?? this.#openHeader(sealed, at);
      if (next === undefined) return end;
      const size = SEALED_HEADER_SIZE + sealedPayloadSize(next.length);
      if (end - at < size) {
        this.#pending = next;
        break;
      }
      this.#pending = undefined;
      if (!this.#opener.openPayload(sealed, at + SEALED_HEADER_SIZE, next.length, plaintext)) {
        this.destroy("forged-payload");
        return end;
      }
      at += size;
      this.#handler!.onFrame(next, plaintext.subarray(0, next.length));
      if (this.#reason !== undefined) return end;
    }
    return at;
  }

  #openHeader(sealed: Buffer, at: number): FrameHeader | undefined {
    const opened = this.#opener.openHeader(sealed, at, header) ? parseFrameHeader(header) : undefined;
    if (opened !== undefined && opened.length <= MAX_PAYLOAD) return opened;
    this.destroy(opened === undefined ? "forged-header" : "frame-too-long");
    return undefined;
  }
}
