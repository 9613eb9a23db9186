import type { Socket } from "node:net";
import type { FrameCipher, Native } from "@lode/native";
import type { Clock, Timer } from "@lode/ports";
import { type Flushable, FlushQueue } from "./flush-queue.ts";
import type { ConnectionLimits } from "./limits.ts";
import { isReused, returnStaging, takeStaging } from "./staging-buffers.ts";

/** What writers of one listener or dialer share. */
export interface WriterContext {
  readonly native: Native;
  readonly clock: Clock;
  readonly limits: ConnectionLimits;
}

/**
 * The writing side of a connection. Frames sealed during a turn gather here and leave in one write. While nothing waits in
 * the socket, the bytes go to the system past Node's stream, which costs a fraction; what the system does not take at once
 * goes through the stream, and so does what follows until the peer has taken it.
 */
export class SocketWriter implements Flushable {
  readonly #socket: Socket;
  readonly #sealer: FrameCipher;
  readonly #context: WriterContext;
  readonly #onStalled: () => void;
  /** Ciphertext not handed over yet: gathered during a turn, or while the peer's window is closed. */
  #staging: Buffer | null = null;
  #staged = 0;
  #awaitingTurn = false;
  #stallTimer: Timer | null = null;

  /**
   * @param socket plain TCP
   * @param onStalled the peer has taken nothing for `writeStallMs`
   */
  constructor(socket: Socket, sealer: FrameCipher, context: WriterContext, onStalled: () => void) {
    this.#socket = socket;
    this.#sealer = sealer;
    this.#context = context;
    this.#onStalled = onStalled;
  }

  /** Bytes the system has not taken yet. */
  get queuedBytes(): number {
    return this.#staged + this.#socket.writableLength;
  }

  /** Seals a frame of `size` bytes ciphertext behind the others; it leaves at the end of the turn. Throws as the cipher does. */
  seal(frame: Uint8Array, size: number): void {
    const staging = this.#stagingFor(size);
    this.#staged += this.#sealer.sealFrame(frame, staging, this.#staged);
    if (this.#awaitingTurn) return;
    this.#awaitingTurn = true;
    FlushQueue.of(this.#context.clock).add(this);
  }

  /** Writes what is gathered. One write at a time: while the socket holds bytes, later ones gather and leave as one. */
  flush(): void {
    if (this.#staged > 0 && this.#socket.writableLength === 0) this.#write();
  }

  endOfTurn(): void {
    this.#awaitingTurn = false;
    this.flush();
  }

  /** Writes what is gathered, behind what the socket holds, and ends. */
  end(): void {
    if (this.#staged > 0) this.#write();
    this.#socket.end();
  }

  /** Forgets what is gathered; the connection is over. */
  stop(): void {
    this.#staged = 0;
    this.#staging = null;
    this.#stallTimer?.cancel();
    this.#stallTimer = null;
  }

  #stagingFor(size: number): Buffer {
    const needed = this.#staged + size;
    const current = this.#staging;
    if (current !== null && current.length >= needed) return current;
    const grown = takeStaging(Math.max(needed, this.#staged * 2));
    if (current !== null) {
      grown.set(current.subarray(0, this.#staged));
      returnStaging(current);
    }
    this.#staging = grown;
    return grown;
  }

  #write(): void {
    const staging = this.#staging!;
    const size = this.#staged;
    this.#staging = null;
    this.#staged = 0;
    const sent = this.#sendNow(staging, size);
    if (sent < size) this.#writeRest(staging.subarray(sent, size), isReused(staging));
    returnStaging(staging);
  }

  /** Bytes the system took; 0 when others wait before these, and after an error, which the stream will meet and report. */
  #sendNow(bytes: Buffer, size: number): number {
    if (this.#socket.writableLength > 0) return 0;
    const fd = descriptorOf(this.#socket);
    return fd < 0 ? 0 : this.#context.native.sendNow(fd, bytes, size);
  }

  #writeRest(rest: Buffer, reused: boolean): void {
    this.#socket.write(reused ? Buffer.from(rest) : rest, this.#onWritten);
    if (this.#socket.writableLength === 0) return;
    const { clock, limits } = this.#context;
    this.#stallTimer ??= clock.after(limits.writeStallMs, this.#onStalled);
  }

  readonly #onWritten = (): void => {
    if (this.#socket.writableLength > 0) return;
    this.#stallTimer?.cancel();
    this.#stallTimer = null;
    if (!this.#awaitingTurn) this.flush();
  };
}

/**
 * The descriptor of an open socket, -1 without one (closed, or Windows). Never kept: once Node has closed it, its number may
 * be another connection's.
 */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } | null };
  return handle?.fd ?? -1;
}
