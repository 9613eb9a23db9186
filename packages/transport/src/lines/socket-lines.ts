import type { Socket } from "node:net";
import type { Clock, Logger, Timer } from "@lode/ports";
import { LineSplitter, LineTooLong, recogniseFirstBytes } from "@lode/protocol/sv1";
import { FlushQueue } from "../connection/flush-queue.ts";
import { nextConnectionId } from "../connection/frame-connection.ts";
import type { LineConnection, LineHandler, LineLimits, LineReason } from "./line-connection.ts";

/** What connections of one listener share. */
export interface LineContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: LineLimits;
  /** A connection spoke Stratum V1. */
  readonly onRecognised: (connection: SocketLines) => void;
  /** A connection is over; once, before its handler is told. */
  readonly onOver: (connection: SocketLines, reason: string) => void;
}

/** A {@link LineConnection} over a socket. */
export class SocketLines implements LineConnection {
  readonly id = nextConnectionId();
  readonly remoteAddress: string;
  readonly #socket: Socket;
  readonly #context: LineContext;
  readonly #splitter: LineSplitter;
  #handler: LineHandler | null = null;
  #state: "open" | "closing" | "closed" = "open";
  #reason: string | null = null;
  /** The first bytes, until they tell what the peer speaks; null from then on. */
  #firstBytes: Buffer | null = Buffer.alloc(0);
  #staged = "";
  #stallTimer: Timer | null = null;
  #closeTimer: Timer | null = null;
  #resumeTimer: Timer | null = null;
  #lines = 0;
  #allowance: number;
  #allowanceAt: number;

  constructor(socket: Socket, remoteAddress: string, context: LineContext) {
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
    this.#context = context;
    this.#splitter = new LineSplitter(context.limits.lineBytes);
    this.#allowance = context.limits.lines.burst;
    this.#allowanceAt = context.clock.monotonic();
    socket.on("close", this.#onClose).on("error", this.#onError).on("end", this.#onEnd);
  }

  /** Lines received: what admission counts as signs of life. */
  get receivedFrames(): number {
    return this.#lines;
  }

  get queuedBytes(): number {
    return this.#staged.length + this.#socket.writableLength;
  }

  start(handler: LineHandler): void {
    const first = this.#handler === null;
    this.#handler = handler;
    if (!first) return;
    if (this.#state === "closed") this.#context.clock.soon(() => this.#report());
    else this.#socket.on("data", this.#onData).resume();
  }

  send(text: string): void {
    if (this.#state !== "open") return;
    if (this.queuedBytes > 0 && this.queuedBytes + text.length > this.#context.limits.writeQueueBytes) {
      this.destroy("write-queue-full" satisfies LineReason);
      return;
    }
    if (this.#staged === "") FlushQueue.of(this.#context.clock).add(this);
    this.#staged += text;
  }

  endOfTurn(): void {
    if (this.#state === "open") this.#flush();
  }

  close(reason: string): void {
    if (this.#state !== "open") return;
    this.#flush();
    this.#state = "closing";
    this.#reason = reason;
    this.#socket.end();
    this.#socket.resume(); // what still comes goes nowhere, but the end must be seen
    this.#closeTimer = this.#context.clock.after(this.#context.limits.closeMs, () => this.#socket.destroy());
  }

  destroy(reason: string): void {
    if (this.#state === "closed") return;
    this.#reason ??= reason;
    if (this.#state === "open") this.#state = "closing";
    this.#socket.destroy();
  }

  #flush(): void {
    if (this.#staged === "") return;
    this.#socket.write(this.#staged, this.#onWritten);
    this.#staged = "";
    if (this.#socket.writableLength === 0) return;
    const { clock, limits } = this.#context;
    this.#stallTimer ??= clock.after(limits.writeStallMs, () =>
      this.destroy("write-stalled" satisfies LineReason),
    );
  }

  readonly #onWritten = (): void => {
    if (this.#socket.writableLength > 0) return;
    this.#stallTimer?.cancel();
    this.#stallTimer = null;
  };

  readonly #onData = (chunk: Buffer): void => {
    if (this.#state !== "open") return;
    const bytes = this.#firstBytes === null ? chunk : this.#recognise(chunk);
    if (bytes === null) return;
    try {
      const lines = this.#splitter.push(bytes);
      for (const line of lines) {
        // The handler may have closed the connection.
        if (this.#state !== "open") return;
        this.#lines += 1;
        this.#handler!.onLine(line);
      }
      this.#pace(lines.length);
    } catch (error) {
      if (error instanceof LineTooLong) {
        this.close("line-too-long" satisfies LineReason);
        return;
      }
      this.#context.logger.error({ conn_id: this.id, err: error }, "a line's handler failed");
      this.destroy("handler-failed" satisfies LineReason);
    }
  };

  /** The bytes to read when they are Stratum V1; null while that is open, and for everything else. */
  #recognise(chunk: Buffer): Buffer | null {
    const bytes = Buffer.concat([this.#firstBytes!, chunk]);
    const kind = recogniseFirstBytes(bytes);
    if (kind === "undecided") {
      this.#firstBytes = bytes;
      return null;
    }
    this.#firstBytes = null;
    if (kind === "sv1") {
      this.#context.onRecognised(this);
      return bytes;
    }
    if (kind === "http") {
      this.#staged += HTTP_ANSWER;
      this.close("http-peer" satisfies LineReason);
    } else this.destroy((kind === "tls" ? "tls-peer" : "not-stratum-v1") satisfies LineReason);
    return null;
  }

  /** A peer that sends too fast is not read for a moment; TCP holds it back. */
  #pace(lines: number): void {
    const { clock, limits } = this.#context;
    const now = clock.monotonic();
    const { burst, perSecond } = limits.lines;
    const gained = ((now - this.#allowanceAt) / 1000) * perSecond;
    this.#allowance = Math.min(burst, this.#allowance + gained) - lines;
    this.#allowanceAt = now;
    if (this.#allowance >= 0 || this.#state !== "open" || this.#resumeTimer !== null) return;
    this.#socket.pause();
    this.#resumeTimer = clock.after((-this.#allowance / perSecond) * 1000, () => {
      this.#resumeTimer = null;
      this.#socket.resume();
    });
  }

  readonly #onEnd = (): void => {
    this.#reason ??= "peer-closed" satisfies LineReason;
  };

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    const gone = error.code === "ECONNRESET" || error.code === "EPIPE";
    this.#reason ??= (gone ? "connection-reset" : "socket-failed") satisfies LineReason;
  };

  readonly #onClose = (): void => {
    this.#state = "closed";
    this.#staged = "";
    for (const timer of [this.#stallTimer, this.#closeTimer, this.#resumeTimer]) timer?.cancel();
    this.#reason ??= "peer-closed" satisfies LineReason;
    this.#context.onOver(this, this.#reason);
    this.#report();
  };

  #report(): void {
    const handler = this.#handler;
    if (handler === null) return;
    try {
      handler.onClose(this.#reason ?? "peer-closed");
    } catch (error) {
      this.#context.logger.error({ conn_id: this.id, err: error }, "a close handler failed");
    }
  }
}

const HTTP_TEXT = "This is a Stratum V1 port for miners: stratum+tcp://\n";
const HTTP_ANSWER = [
  "HTTP/1.1 200 OK",
  "Content-Type: text/plain; charset=utf-8",
  `Content-Length: ${HTTP_TEXT.length}`,
  "Connection: close",
  "",
  HTTP_TEXT,
].join("\r\n");
