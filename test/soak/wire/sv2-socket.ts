import type { Socket } from "node:net";
import { type FrameCipher, native, sealedFrameSize, sealedPayloadSize } from "@lode/native";
import { type FrameHeader, HEADER_SIZE, parseFrameHeader } from "@lode/protocol";
import type { FrameConnection, FrameHandler } from "@lode/transport";

const SEALED_HEADER = 22;
const EMPTY = new Uint8Array(0);
let lastId = 0;

/**
 * An encrypted client connection that can also misbehave: leave its input unread, read it a byte at a time, or send bytes
 * that are no frames. As {@link FrameConnection} it serves well-behaved miners too.
 */
export class Sv2Socket implements FrameConnection {
  readonly id = ++lastId;
  readonly remoteAddress: string;
  readonly #socket: Socket;
  readonly #sealer: FrameCipher;
  readonly #opener: FrameCipher;
  #handler: FrameHandler | undefined;
  #buffer: Buffer = Buffer.alloc(0);
  #header: FrameHeader | undefined;
  #corked = false;
  #deaf = false;
  #dripping: ReturnType<typeof setInterval> | undefined;
  /** Why it ended; undefined while it is open. */
  ended: string | undefined;
  /** True once `close` or `destroy` was called on this side. */
  left = false;
  #onEnded: (() => void)[] = [];

  constructor(socket: Socket, localAddress: string, sendKey: Uint8Array, receiveKey: Uint8Array) {
    this.#socket = socket;
    this.remoteAddress = localAddress;
    this.#sealer = native.createCipher(sendKey);
    this.#opener = native.createCipher(receiveKey);
    socket.on("error", (error: NodeJS.ErrnoException) => this.#end(error.code ?? "socket-failed"));
    socket.on("end", () => {
      this.#end("peer-closed");
      socket.destroy();
    });
    socket.on("close", () => this.#end("peer-closed"));
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  /** Resolves when it is over, for whatever reason. */
  get over(): Promise<void> {
    if (this.ended !== undefined) return Promise.resolve();
    return new Promise((resolve) => this.#onEnded.push(resolve));
  }

  start(handler: FrameHandler): void {
    const first = this.#handler === undefined;
    this.#handler = handler;
    if (!first) return;
    if (this.ended === undefined) this.#socket.on("data", (chunk) => this.#onData(chunk)).resume();
    else queueMicrotask(() => handler.onClose(this.ended ?? "peer-closed"));
  }

  send(frame: Uint8Array): void {
    if (this.ended !== undefined) return;
    const sealed = Buffer.allocUnsafe(sealedFrameSize(frame.length - HEADER_SIZE));
    this.#sealer.sealFrame(frame, sealed, 0);
    this.sendRaw(sealed);
  }

  /** A frame as {@link send} would write it, for whoever wants to send only a part of it. */
  seal(frame: Uint8Array): Uint8Array {
    const sealed = Buffer.allocUnsafe(sealedFrameSize(frame.length - HEADER_SIZE));
    this.#sealer.sealFrame(frame, sealed, 0);
    return sealed;
  }

  /** Bytes as they are. What is sent in a turn leaves together. */
  sendRaw(bytes: Uint8Array): void {
    if (this.ended !== undefined) return;
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => this.flush());
    }
    this.#socket.write(bytes);
  }

  flush(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }

  /** Frames wait nowhere here. */
  readReceived(): void {}

  close(_reason: string): void {
    this.left = true;
    this.flush();
    this.#socket.end();
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), 1_000).unref();
    this.#end("left");
  }

  destroy(_reason: string): void {
    this.left = true;
    this.#socket.destroy();
    this.#end("left");
  }

  /** Ends with a reset instead of in order. */
  reset(): void {
    this.left = true;
    this.#socket.resetAndDestroy();
    this.#end("left");
  }

  /** Reads nothing from now on; the kernel's buffers fill up, then the pool's. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Takes one byte a second from now on. */
  readOneByteASecond(): void {
    this.#deaf = true;
    this.#socket.pause().removeAllListeners("data");
    this.#dripping = setInterval(() => this.#socket.read(1), 1_000);
  }

  /** Reads on but looks at nothing: what costs an attacker least. */
  ignoreInput(): void {
    this.#deaf = true;
    this.#buffer = Buffer.alloc(0);
    this.#socket.resume();
  }

  #onData(chunk: Buffer): void {
    if (this.#deaf || this.ended !== undefined) return;
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    while (this.ended === undefined && !this.#deaf && this.#takeUnit());
  }

  /** Opens the next header or payload if all of it is here. */
  #takeUnit(): boolean {
    const header = this.#header;
    const needed = header === undefined ? SEALED_HEADER : sealedPayloadSize(header.length);
    if (this.#buffer.length < needed) return false;
    const unit = this.#buffer.subarray(0, needed);
    this.#buffer = this.#buffer.subarray(needed);
    if (header === undefined) {
      const bytes = new Uint8Array(HEADER_SIZE);
      if (!this.#opener.openHeader(unit, 0, bytes)) return this.#fail();
      this.#header = parseFrameHeader(bytes);
      return true;
    }
    this.#header = undefined;
    const payload = header.length === 0 ? EMPTY : new Uint8Array(header.length);
    if (header.length > 0 && !this.#opener.openPayload(unit, 0, header.length, payload)) return this.#fail();
    this.#handler?.onFrame(header, payload);
    return true;
  }

  #fail(): false {
    this.#end("forged");
    this.#socket.destroy();
    return false;
  }

  #end(reason: string): void {
    if (this.ended !== undefined) return;
    this.ended = reason;
    clearInterval(this.#dripping);
    this.#sealer.free();
    this.#opener.free();
    for (const wake of this.#onEnded.splice(0)) wake();
    const handler = this.#handler;
    if (handler !== undefined) queueMicrotask(() => handler.onClose(reason));
  }
}
