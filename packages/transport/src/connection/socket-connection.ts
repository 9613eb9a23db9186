import type { Socket } from "node:net";
import { type FrameCipher, type Native, sealedFrameSize } from "@lode/native";
import type { Clock, Logger, Timer } from "@lode/ports";
import { type FrameHeader, HEADER_SIZE } from "@lode/protocol";
import { checkFrame } from "./check-frame.ts";
import type { TransportReason } from "./end-reasons.ts";
import { type FrameConnection, type FrameHandler, nextConnectionId } from "./frame-connection.ts";
import { FrameOpener, type FrameSink } from "./frame-opener.ts";
import type { ConnectionLimits, MaxLength } from "./limits.ts";
import { ReadBudget } from "./read-budget.ts";
import { type LongRead, READ_SLICE, ReadQueue } from "./read-queue.ts";
import { SocketWriter } from "./socket-writer.ts";

const NOTHING = Buffer.alloc(0);

/** What connections of one listener or dialer share. */
export interface ConnectionContext {
  readonly native: Native;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxLength: MaxLength;
  readonly limits: ConnectionLimits;
  /** The peer sends too fast: nothing is read from it for `pauseMs`, and again from the call with 0 on. */
  readonly onThrottle?: (connection: FrameConnection, pauseMs: number) => void;
}

/** The keys of one finished handshake, 32 bytes each; copied, then wiped. */
export interface ConnectionKeys {
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
}

/** An encrypted connection over a socket whose handshake is done. Expects `allowHalfOpen` and a paused socket. */
export class SocketConnection implements FrameConnection, FrameSink, LongRead {
  readonly id = nextConnectionId();
  readonly remoteAddress: string;
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #sealer: FrameCipher;
  readonly #writer: SocketWriter;
  readonly #opener: FrameCipher;
  readonly #reader: FrameOpener;
  readonly #budget: ReadBudget | null;
  /** Bytes that may be read before the budget is asked. */
  #readable: number;
  /** Came together and waits to be read in slices. The socket is paused meanwhile. */
  #unread: Buffer | null = null;
  /** The peer sends no more; a paused socket says so, too. */
  #peerEnded = false;
  /** A frame is being handled. */
  #reading = false;
  #throttleTimer: Timer | null = null;
  #handler: FrameHandler | null = null;
  /** `cut`: the peer gets nothing any more, but what has come from it is read. */
  #state: "open" | "cut" | "closing" | "closed" = "open";
  /** The socket is closed; what it held may be unread still. */
  #gone = false;
  #reason: string | null = null;
  #startTimer: Timer | null;
  #frameTimer: Timer | null = null;
  #closeTimer: Timer | null = null;
  #onOver: (() => void) | null = null;

  constructor(socket: Socket, remoteAddress: string, keys: ConnectionKeys, context: ConnectionContext) {
    this.remoteAddress = remoteAddress;
    this.#socket = socket;
    this.#context = context;
    this.#sealer = context.native.createCipher(keys.sendKey);
    this.#writer = new SocketWriter(socket, this.#sealer, context, () => this.#cutOff("write-stalled"));
    this.#opener = context.native.createCipher(keys.receiveKey);
    keys.sendKey.fill(0);
    keys.receiveKey.fill(0);
    this.#reader = new FrameOpener(this.#opener, context.maxLength);
    const { reading } = context.limits;
    this.#budget = reading === null ? null : new ReadBudget(reading, context.clock.monotonic());
    this.#readable = this.#budget === null ? Number.POSITIVE_INFINITY : this.#budget.window;
    this.#startTimer = this.#expire(context.limits.handshakeMs, "not-started");
    socket.on("end", this.#onEnd).on("error", this.#onError).on("close", this.#onClosed);
  }

  get queuedBytes(): number {
    return this.#writer.queuedBytes;
  }

  /** Frames received so far. */
  get receivedFrames(): number {
    return this.#reader.frames;
  }

  /** Why the connection ends or ended; null while nobody ends it. */
  get closeReason(): string | null {
    return this.#reason;
  }

  start(handler: FrameHandler): void {
    const first = this.#handler === null;
    this.#handler = handler;
    if (!first) return;
    this.#startTimer?.cancel();
    this.#startTimer = null;
    if (this.#state === "closed") this.#context.clock.soon(() => this.#reportClose());
    else if (this.#reads) {
      this.#socket.on("data", this.#onData);
      this.#resume();
    }
  }

  /** Has this called once when the connection is over, behind the handler's `onClose`. */
  onOver(callback: () => void): void {
    this.#onOver = callback;
  }

  send(frame: Uint8Array): void {
    checkFrame(frame);
    if (this.#state !== "open") return;
    const size = sealedFrameSize(frame.length - HEADER_SIZE);
    const queued = this.queuedBytes;
    if (queued > 0 && queued + size > this.#context.limits.writeQueueBytes) {
      this.#cutOff("write-queue-full");
      return;
    }
    try {
      this.#writer.seal(frame, size);
    } catch (error) {
      this.#context.logger.error({ conn_id: this.id, err: error }, "a frame could not be sealed");
      this.#fail("cipher-failed");
    }
  }

  flush(): void {
    this.#writer.flush();
  }

  readReceived(): void {
    if (!this.#reads || this.#reading || this.#handler === null) return;
    const chunk = this.#unread;
    if (chunk !== null) {
      // It keeps its place in the queue, and reads on from there.
      this.#unread = NOTHING;
      this.#read(chunk);
    }
    for (let more = this.#takeHeld(); more !== null; more = this.#takeHeld()) this.#read(more);
  }

  close(reason: string): void {
    if (!this.#reads) return;
    if (this.#state === "open" || this.#gone) this.#reason = reason;
    this.#state = "closing";
    this.#unread = null;
    // Its turn to be read ends it.
    if (this.#gone) return;
    this.#writer.end();
    this.#endThrottle();
    this.#frameTimer?.cancel();
    this.#frameTimer = null;
    // Reading on, into nothing, lets the peer take the last bytes: closing with unread input would reset the connection.
    this.#socket.resume();
    const { clock, limits } = this.#context;
    this.#closeTimer = clock.after(limits.closeMs, () => this.#socket.destroy());
  }

  destroy(reason: string): void {
    if (this.#state === "closed") return;
    this.#reason ??= reason;
    this.#state = "closing";
    this.#writer.stop();
    this.#socket.destroy();
  }

  deliver(header: FrameHeader, payload: Uint8Array): boolean {
    try {
      this.#handler!.onFrame(header, payload);
    } catch (error) {
      this.#context.logger.error(
        { conn_id: this.id, msg_type: header.msgType, err: error },
        "a frame's handler failed",
      );
      this.#fail("handler-failed");
    }
    return this.#reads;
  }

  readOn(): boolean {
    const chunk = this.#unread ?? (this.#gone ? this.#takeHeld() : null);
    if (chunk !== null && this.#reads) {
      const rest = chunk.length > READ_SLICE ? chunk.subarray(READ_SLICE) : null;
      this.#unread = rest;
      this.#read(rest === null ? chunk : chunk.subarray(0, READ_SLICE));
    }
    if (!this.#reads) this.#unread = null;
    if (this.#unread !== null) return true;
    return this.#gone ? this.#endGone() : this.#endLongRead();
  }

  /** @returns whether there is more */
  #endGone(): boolean {
    if (this.#reads && this.#socket.readableLength > 0) return true;
    this.#end();
    return false;
  }

  /** @returns false: there is no more at hand */
  #endLongRead(): boolean {
    if (this.#peerEnded) this.close("peer-closed" satisfies TransportReason);
    this.#afterReading();
    if (this.#state === "open" && this.#throttleTimer === null) this.#resume();
    return false;
  }

  get #reads(): boolean {
    return this.#state === "open" || this.#state === "cut";
  }

  /** What the paused socket holds, by hand: a stream that has failed emits nothing any more, and others would emit it as well. */
  #takeHeld(): Buffer | null {
    if (!this.#reads) return null;
    this.#socket.off("data", this.#onData);
    const held = this.#socket.read() as Buffer | null;
    this.#socket.on("data", this.#onData);
    return held;
  }

  #fail(reason: TransportReason): void {
    this.destroy(reason);
  }

  /** The peer does not take what it is sent. What it has sent counts, and is read before the connection is over. */
  #cutOff(reason: TransportReason): void {
    if (this.#state !== "open") return;
    this.#reason ??= reason;
    this.#state = "cut";
    this.#writer.stop();
    this.#socket.destroy();
  }

  #expire(ms: number, reason: TransportReason): Timer {
    return this.#context.clock.after(ms, () => this.#fail(reason));
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.#reads) return;
    if (chunk.length > READ_SLICE && this.#takeTurns()) {
      this.#unread = chunk;
      this.#socket.pause();
      return;
    }
    this.#read(chunk);
    this.#afterReading();
  };

  /** @returns false: read it now. A peer that is read without a budget is ours. */
  #takeTurns(): boolean {
    return this.#budget !== null && ReadQueue.of(this.#context.clock).add(this);
  }

  #read(chunk: Buffer): void {
    this.#reading = true;
    try {
      const fault = this.#reader.push(chunk, this);
      if (fault !== null) this.#fail(fault);
      this.#readable -= chunk.length;
    } catch (error) {
      this.#context.logger.error({ conn_id: this.id, err: error }, "a frame could not be opened");
      this.#fail("cipher-failed");
    } finally {
      this.#reading = false;
    }
  }

  /** All that was at hand is read. */
  #afterReading(): void {
    if (this.#state === "open" && this.#readable < 0) this.#settleReading();
    if (this.#state !== "open" || this.#throttleTimer !== null) return;
    if (this.#reader.midFrame && this.#frameTimer === null) this.#watchFrame();
  }

  /** Lets the peer's bytes wait in the socket, and so at the peer, until its budget allows more. Nothing is lost. */
  #settleReading(): void {
    const budget = this.#budget!;
    const { clock, onThrottle } = this.#context;
    const read = budget.window - this.#readable;
    const pauseMs = budget.settle(read, this.#reader.frames, clock.monotonic());
    this.#readable = budget.window;
    if (pauseMs === 0) return;
    this.#socket.pause();
    // The frame under way cannot end now: its time begins anew afterwards.
    this.#frameTimer?.cancel();
    this.#frameTimer = null;
    this.#throttleTimer = clock.after(pauseMs, () => this.#readOn());
    onThrottle?.(this, pauseMs);
  }

  #readOn(): void {
    this.#endThrottle();
    if (this.#state !== "open") return;
    this.#resume();
    if (this.#reader.midFrame) this.#watchFrame();
  }

  /** A stream that has failed would throw away what it holds; its end is near, and looks there. */
  #resume(): void {
    if (!this.#socket.destroyed) this.#socket.resume();
  }

  #endThrottle(): void {
    if (this.#throttleTimer === null) return;
    this.#throttleTimer.cancel();
    this.#throttleTimer = null;
    this.#context.onThrottle?.(this, 0);
  }

  /** Looks once per period whether the frame that was open at its start still is; costs nothing per frame. */
  #watchFrame(): void {
    const { frames } = this.#reader;
    this.#frameTimer = this.#context.clock.after(this.#context.limits.frameMs, () => {
      this.#frameTimer = null;
      if (!this.#reader.midFrame) return;
      if (this.#reader.frames === frames && this.#unread === null) this.#fail("frame-timeout");
      else this.#watchFrame();
    });
  }

  readonly #onEnd = (): void => {
    this.#peerEnded = true;
    if (this.#unread === null) this.close("peer-closed" satisfies TransportReason);
  };

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    this.#reason ??= reasonOf(error.code);
  };

  readonly #onClosed = (): void => {
    this.#gone = true;
    this.#startTimer?.cancel();
    this.#frameTimer?.cancel();
    this.#closeTimer?.cancel();
    this.#endThrottle();
    if (this.#state === "open") this.#state = "cut";
    // What a peer sent before it reset the connection counts, and may be a block; of crowds it is read in turns.
    if (this.#reads && this.#handler !== null && this.#hasLongRest()) return;
    this.readReceived();
    this.#end();
  };

  #hasLongRest(): boolean {
    return this.#unread !== null || (this.#socket.readableLength > READ_SLICE && this.#takeTurns());
  }

  #end(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#unread = null;
    this.#writer.stop();
    this.#sealer.free();
    this.#opener.free();
    this.#reportClose();
    this.#onOver?.();
  }

  #reportClose(): void {
    if (this.#handler === null) return;
    const reason = this.#reason ?? ("peer-closed" satisfies TransportReason);
    try {
      this.#handler.onClose(reason);
    } catch (error) {
      this.#context.logger.error({ conn_id: this.id, reason, err: error }, "a close handler failed");
    }
  }
}

function reasonOf(code: string | undefined): TransportReason {
  if (code === "ECONNRESET" || code === "EPIPE") return "connection-reset";
  if (code === "ETIMEDOUT") return "connection-timeout";
  return "socket-failed";
}
