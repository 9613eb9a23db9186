import type { Socket } from "node:net";
import { type FrameCipher, NO_DESCRIPTOR } from "@lode/native";
import type { Clock, Timer } from "@lode/ports";
import { type Flushable, FlushQueue } from "./flush-queue.ts";
import type { ConnectionLimits } from "./limits.ts";
import { isReused, returnStaging, takeStaging } from "./staging-buffers.ts";

/** What writers of one listener or dialer share. */
export interface WriterContext {
  readonly clock: Clock;
  readonly limits: ConnectionLimits;
}

/** Whom a writer tells that the connection cannot go on. */
export interface WriterFaults {
  /** The peer has taken nothing for `writeStallMs`. */
  onStalled(): void;
  /** What was gathered could not be sealed. */
  onUnsealed(error: unknown): void;
}

/**
 * The writing side of a connection. Frames of a turn gather here and leave sealed, in one write. While nothing waits in the
 * socket, the bytes go to the system past Node's stream, which costs a fraction; what the system does not take at once goes
 * through the stream, and so does what follows until the peer has taken it.
 */
export class SocketWriter implements Flushable {
  readonly #socket: Socket;
  readonly #sealer: FrameCipher;
  readonly #context: WriterContext;
  readonly #faults: WriterFaults;
  /** Frames not sealed yet: gathered during a turn, or while the peer's window is closed. */
  #frames: Buffer | null = null;
  #gathered = 0;
  /** Their ciphertext's size. */
  #sealedSize = 0;
  /** The socket may hold bytes. A socket's own count lies far off for a writer that brings a tip to one of thousands. */
  #mayHold = true;
  #handle: SocketHandle | null | undefined;
  #fd = NO_DESCRIPTOR;
  #awaitingTurn = false;
  #stallTimer: Timer | null = null;

  /** @param socket plain TCP */
  constructor(socket: Socket, sealer: FrameCipher, context: WriterContext, faults: WriterFaults) {
    this.#socket = socket;
    this.#sealer = sealer;
    this.#context = context;
    this.#faults = faults;
  }

  /** Bytes of ciphertext the system has not taken yet. */
  get queuedBytes(): number {
    return this.#sealedSize + this.#heldBytes;
  }

  /** Puts a frame of `sealedSize` bytes ciphertext behind the others; it leaves at the end of the turn. */
  add(frame: Uint8Array, sealedSize: number): void {
    this.#roomFor(frame.length).set(frame, this.#gathered);
    this.#gathered += frame.length;
    this.#sealedSize += sealedSize;
    if (this.#awaitingTurn) return;
    this.#awaitingTurn = true;
    FlushQueue.of(this.#context.clock).add(this);
  }

  /** Writes what is gathered. One write at a time: while the socket holds bytes, later ones gather and leave as one. */
  flush(): void {
    if (this.#gathered > 0 && this.#heldBytes === 0) this.#write(this.#descriptor());
  }

  endOfTurn(): void {
    this.#awaitingTurn = false;
    this.flush();
  }

  /** Writes what is gathered, behind what the socket holds, and ends. */
  end(): void {
    if (this.#gathered > 0) this.#write(this.#heldBytes === 0 ? this.#descriptor() : NO_DESCRIPTOR);
    this.#socket.end();
  }

  /** Forgets what is gathered; the connection is over. */
  stop(): void {
    this.#forget();
    this.#handle = undefined;
    this.#fd = NO_DESCRIPTOR;
    this.#stallTimer?.cancel();
    this.#stallTimer = null;
  }

  /** Bytes in Node's stream. Nobody else writes to it once the handshake is done. */
  get #heldBytes(): number {
    if (!this.#mayHold) return 0;
    const held = this.#socket.writableLength;
    this.#mayHold = held > 0;
    return held;
  }

  #roomFor(size: number): Buffer {
    const needed = this.#gathered + size;
    const current = this.#frames;
    if (current !== null && current.length >= needed) return current;
    const grown = takeStaging(Math.max(needed, this.#gathered * 2));
    if (current !== null) {
      grown.set(current.subarray(0, this.#gathered));
      returnStaging(current);
    }
    this.#frames = grown;
    return grown;
  }

  /** Seals what is gathered and sends what the system takes; 0 bytes after an error, which the stream will meet and report. */
  #write(fd: number): void {
    const frames = this.#frames!;
    const length = this.#gathered;
    const size = this.#sealedSize;
    this.#forget();
    const sealed = takeStaging(size);
    let sent: number;
    try {
      sent = this.#sealer.sealAndSend(fd, frames, length, sealed);
    } catch (error) {
      this.#faults.onUnsealed(error);
      return;
    }
    if (sent < size) this.#writeRest(sealed.subarray(sent, size), isReused(sealed));
    returnStaging(sealed);
    returnStaging(frames);
  }

  #forget(): void {
    this.#frames = null;
    this.#gathered = 0;
    this.#sealedSize = 0;
  }

  #writeRest(rest: Buffer, reused: boolean): void {
    this.#mayHold = true;
    this.#socket.write(reused ? Buffer.from(rest) : rest, this.#onWritten);
    if (this.#heldBytes === 0) return;
    const { clock, limits } = this.#context;
    this.#stallTimer ??= clock.after(limits.writeStallMs, () => this.#faults.onStalled());
  }

  readonly #onWritten = (): void => {
    if (this.#heldBytes > 0) return;
    this.#stallTimer?.cancel();
    this.#stallTimer = null;
    if (!this.#awaitingTurn) this.flush();
  };

  /**
   * The descriptor of an open socket; none once it is closed, and none on Windows. Asking Node for it is dear, so it is kept for
   * as long as the socket has the same handle: once Node has closed it, the number may be another connection's.
   */
  #descriptor(): number {
    const { _handle: handle } = this.#socket as unknown as { readonly _handle?: SocketHandle | null };
    if (handle !== this.#handle) {
      const fd = handle?.fd ?? -1;
      this.#fd = fd < 0 ? NO_DESCRIPTOR : fd;
      this.#handle = handle;
    }
    return this.#fd;
  }
}

/** What Node's socket holds while it is open. */
interface SocketHandle {
  readonly fd?: number;
}
