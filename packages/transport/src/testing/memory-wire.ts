import type { Clock, Timer } from "@lode/ports";

/** What arrives at the far end of a wire. */
export interface WireReceiver {
  /** False while nobody listens yet; {@link MemoryWire.pump} is called when somebody does. */
  readonly ready: boolean;
  frameArrived(frame: Uint8Array): void;
  endArrived(): void;
  resetArrived(): void;
}

type Item =
  | { readonly kind: "frame"; readonly due: number; readonly bytes: Uint8Array }
  | { readonly kind: "end" | "reset"; readonly due: number };

/**
 * One direction of an in-memory connection: keeps order, takes its time from the clock. An item never overtakes an earlier
 * one, however long that one is delayed; a reset does, as on the real wire.
 */
export class MemoryWire {
  readonly #clock: Clock;
  readonly #latencyMs: number;
  readonly #receiver: () => WireReceiver;
  #items: Item[] = [];
  #bytes = 0;
  #lastDue = 0;
  #timer: Timer | null = null;
  #pumping = false;

  constructor(clock: Clock, latencyMs: number, receiver: () => WireReceiver) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
    this.#receiver = receiver;
  }

  /** Frame bytes on their way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Puts a frame on the wire; `extraMs` holds it, and what follows it, back. */
  sendFrame(bytes: Uint8Array, extraMs: number): void {
    this.#bytes += bytes.length;
    this.#put({ kind: "frame", due: this.#dueIn(extraMs), bytes });
  }

  /** The sender ends in order: arrives behind its frames. */
  sendEnd(): void {
    this.#put({ kind: "end", due: this.#dueIn(0) });
  }

  /** The sender is gone: what is on its way is lost. */
  sendReset(): void {
    this.#items = [];
    this.#bytes = 0;
    this.#timer?.cancel();
    this.#timer = null;
    this.#lastDue = 0;
    this.#put({ kind: "reset", due: this.#dueIn(0) });
  }

  /** Delivers what is due, if the receiver is ready. Never called by the receiver from inside a delivery. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const receiver = this.#receiver();
    while (receiver.ready) {
      const item = this.#items[0];
      if (item === undefined || item.due > this.#clock.monotonic()) break;
      this.#items.shift();
      if (item.kind === "frame") {
        this.#bytes -= item.bytes.length;
        receiver.frameArrived(item.bytes);
      } else if (item.kind === "end") {
        receiver.endArrived();
      } else {
        receiver.resetArrived();
      }
    }
    this.#pumping = false;
    if (receiver.ready) this.#schedule();
  }

  #dueIn(extraMs: number): number {
    this.#lastDue = Math.max(this.#lastDue, this.#clock.monotonic() + this.#latencyMs + extraMs);
    return this.#lastDue;
  }

  #put(item: Item): void {
    this.#items.push(item);
    this.#schedule();
  }

  /** One wake-up at a time, for the first item; a delay of nothing still leaves the current turn. */
  #schedule(): void {
    const first = this.#items[0];
    if (first === undefined || this.#timer !== null) return;
    const wait = first.due - this.#clock.monotonic();
    if (wait > 0) {
      this.#timer = this.#clock.after(wait, this.#wake);
      return;
    }
    let cancelled = false;
    this.#timer = {
      cancel: () => {
        cancelled = true;
      },
    };
    this.#clock.soon(() => {
      if (!cancelled) this.#wake();
    });
  }

  readonly #wake = (): void => {
    this.#timer = null;
    this.pump();
  };
}
