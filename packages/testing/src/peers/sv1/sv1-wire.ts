import type { Clock } from "@lode/ports";
import { LineSplitter } from "@lode/protocol/sv1";
import type { LineConnection, LineHandler } from "@lode/transport";

/** The device's end of an {@link Sv1Wire}. */
export interface Sv1WireEnd {
  /** Bytes as the device writes them, cut wherever it likes. */
  write(text: string): void;
  /** The device hangs up. */
  hangUp(): void;
}

let lastId = 0;

/** A Stratum V1 connection in memory: the server's end, and a device's. Everything arrives in the next turn, in order. */
export class Sv1Wire implements LineConnection, Sv1WireEnd {
  readonly id: number = ++lastId;
  readonly remoteAddress: string;
  readonly queuedBytes = 0;
  /** Why the connection ended; null while it is open. */
  ended: string | null = null;
  /** What the server sent, lines with their ends. */
  onText: (text: string) => void = () => {};
  onEnd: () => void = () => {};
  readonly #clock: Clock;
  readonly #splitter = new LineSplitter(8_192);
  #handler: LineHandler | undefined;

  constructor(clock: Clock, remoteAddress = "192.0.2.1") {
    this.#clock = clock;
    this.remoteAddress = remoteAddress;
  }

  write(text: string): void {
    this.#clock.soon(() => {
      for (const line of this.#splitter.push(new TextEncoder().encode(text))) {
        if (this.ended === null) this.#handler?.onLine(line);
      }
    });
  }

  hangUp(): void {
    this.#end("peer-closed");
  }

  start(handler: LineHandler): void {
    this.#handler = handler;
  }

  send(text: string): void {
    if (this.ended === null) this.#clock.soon(() => this.onText(text));
  }

  close(reason: string): void {
    this.#end(reason);
  }

  destroy(reason: string): void {
    this.#end(reason);
  }

  #end(reason: string): void {
    if (this.ended !== null) return;
    this.ended = reason;
    this.#clock.soon(() => {
      this.#handler?.onClose(reason);
      this.onEnd();
    });
  }
}
