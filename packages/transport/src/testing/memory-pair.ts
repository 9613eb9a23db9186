import { type Clock, type Logger, silentLogger, type Timer } from "@lode/ports";
import { HEADER_SIZE, parseFrameHeader } from "@lode/protocol";
import { checkFrame } from "../connection/check-frame.ts";
import type { TransportReason } from "../connection/end-reasons.ts";
import { FlushQueue } from "../connection/flush-queue.ts";
import { type FrameConnection, type FrameHandler, nextConnectionId } from "../connection/frame-connection.ts";
import { defaultConnectionLimits, type MaxLength, UNKNOWN_MESSAGE_MAX_LENGTH } from "../connection/limits.ts";
import { MemoryWire, type WireReceiver } from "./memory-wire.ts";

/** What shall happen to a frame on its way. */
export type MemoryFault =
  | { readonly kind: "delay"; readonly ms: number } // this frame and all behind it come later
  | { readonly kind: "reset" }; // the connection breaks instead; both ends see `connection-reset`

/** What {@link memoryPair} takes beside the clock. */
export interface MemoryPairOptions {
  /** One-way travel time; 0 delivers once the current turn is over. */
  readonly latencyMs?: number;
  /** Frame bytes that may be on their way before the sender is cut, as over a socket. */
  readonly writeQueueBytes?: number;
  /** How long `close` waits for the other end to end as well. */
  readonly closeMs?: number;
  readonly maxLength?: MaxLength;
  readonly logger?: Logger;
  /** What each end sees as its peer's address. */
  readonly addresses?: readonly [string, string];
  /** Asked for every frame; `from` is the index of the sending end. */
  readonly fault?: (frame: Uint8Array, from: 0 | 1) => MemoryFault | null;
}

/** Overwrites a payload after its call, so that a handler which keeps it is found out. */
const POISON = 0xdb;

/** Two connected, unencrypted ends in memory, with a socket's semantics; the clock decides when frames arrive. */
export function memoryPair(
  clock: Clock,
  options: MemoryPairOptions = {},
): [FrameConnection, FrameConnection] {
  const first: MemoryConnection = new MemoryConnection(clock, options, 0, () => second);
  const second: MemoryConnection = new MemoryConnection(clock, options, 1, () => first);
  return [first, second];
}

class MemoryConnection implements FrameConnection, WireReceiver {
  readonly id = nextConnectionId();
  readonly remoteAddress: string;
  readonly #clock: Clock;
  readonly #options: MemoryPairOptions;
  readonly #side: 0 | 1;
  readonly #peer: () => MemoryConnection;
  readonly #outgoing: MemoryWire;
  #handler: FrameHandler | null = null;
  #state: "open" | "closing" | "closed" = "open";
  #reason: string | null = null;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #awaitingTurn = false;
  #closeTimer: Timer | null = null;
  #reported = false;

  constructor(clock: Clock, options: MemoryPairOptions, side: 0 | 1, peer: () => MemoryConnection) {
    this.remoteAddress = options.addresses?.[side] ?? "127.0.0.1";
    this.#clock = clock;
    this.#options = options;
    this.#side = side;
    this.#peer = peer;
    this.#outgoing = new MemoryWire(clock, options.latencyMs ?? 0, peer);
  }

  get queuedBytes(): number {
    return this.#waitingBytes + this.#outgoing.bytes;
  }

  get ready(): boolean {
    return this.#handler !== null || this.#state !== "open";
  }

  start(handler: FrameHandler): void {
    const first = this.#handler === null;
    this.#handler = handler;
    if (!first) return;
    if (this.#state === "closed") this.#clock.soon(() => this.#reportClose());
    else this.#clock.soon(() => this.#peer().#outgoing.pump());
  }

  send(frame: Uint8Array): void {
    checkFrame(frame);
    if (this.#state !== "open") return;
    const queued = this.queuedBytes;
    const bound = this.#options.writeQueueBytes ?? defaultConnectionLimits.writeQueueBytes;
    if (queued > 0 && queued + frame.length > bound) {
      this.#fail("write-queue-full");
      return;
    }
    this.#waiting.push(frame.slice());
    this.#waitingBytes += frame.length;
    if (this.#awaitingTurn) return;
    this.#awaitingTurn = true;
    FlushQueue.of(this.#clock).add(this);
  }

  flush(): void {
    const frames = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const frame of frames) {
      const fault = this.#options.fault?.(frame, this.#side) ?? null;
      if (fault?.kind === "reset") {
        this.#fail("connection-reset");
        return;
      }
      this.#outgoing.sendFrame(frame, fault?.ms ?? 0);
    }
  }

  endOfTurn(): void {
    this.#awaitingTurn = false;
    this.flush();
  }

  /** Frames wait nowhere here. */
  readReceived(): void {}

  close(reason: string): void {
    if (this.#state !== "open") return;
    this.flush();
    if (this.#state !== "open") return; // a planted fault came first
    this.#state = "closing";
    this.#reason = reason;
    this.#outgoing.sendEnd();
    const patience = this.#options.closeMs ?? defaultConnectionLimits.closeMs;
    this.#closeTimer = this.#clock.after(patience, () => this.destroy(reason));
  }

  destroy(reason: string): void {
    if (this.#state === "closed") return;
    this.#reason ??= reason;
    this.#outgoing.sendReset();
    this.#finish();
  }

  frameArrived(frame: Uint8Array): void {
    if (this.#state !== "open") return;
    const header = parseFrameHeader(frame);
    const cap = this.#options.maxLength?.(header.extensionType, header.msgType) ?? UNKNOWN_MESSAGE_MAX_LENGTH;
    if (header.length > cap) {
      this.#fail("frame-too-long");
      return;
    }
    try {
      this.#handler!.onFrame(header, frame.subarray(HEADER_SIZE));
    } catch (error) {
      const logger = this.#options.logger ?? silentLogger;
      logger.error({ conn_id: this.id, msg_type: header.msgType, err: error }, "a frame's handler failed");
      this.#fail("handler-failed");
    }
    frame.fill(POISON);
  }

  endArrived(): void {
    if (this.#state === "open") {
      this.#reason = "peer-closed" satisfies TransportReason;
      this.flush();
      this.#outgoing.sendEnd();
    }
    this.#finish();
  }

  resetArrived(): void {
    this.#reason ??= "connection-reset" satisfies TransportReason;
    this.#finish();
  }

  #fail(reason: TransportReason): void {
    this.destroy(reason);
  }

  #finish(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#closeTimer?.cancel();
    this.#clock.soon(() => {
      this.#peer().#outgoing.pump(); // what is still coming goes nowhere
      this.#reportClose();
    });
  }

  #reportClose(): void {
    if (this.#handler === null || this.#reported) return;
    this.#reported = true;
    const reason = this.#reason ?? "peer-closed";
    try {
      this.#handler.onClose(reason);
    } catch (error) {
      const logger = this.#options.logger ?? silentLogger;
      logger.error({ conn_id: this.id, reason, err: error }, "a close handler failed");
    }
  }
}
