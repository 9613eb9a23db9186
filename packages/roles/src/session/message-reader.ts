import type { Counter, Logger, Metrics } from "@lode/ports";
import { DecodeError, type FrameHeader } from "@lode/protocol";
import type { FrameConnection, FrameHandler } from "@lode/transport";
import type { EndReason } from "./end-reasons.ts";

/** What {@link MessageReader} needs of a `messageTable`: undefined for types it does not hold. */
export interface Decoder<M> {
  decode(header: FrameHeader, payload: Uint8Array): M | undefined;
}

/** Receives a connection's messages. Byte fields of a message are views, valid only during the call. */
export interface MessageHandler<M> {
  onMessage(message: M): void;
  /** A message of unknown type or extension came and was discarded (SV2 3.4.1). */
  onDiscarded?(): void;
  /** We are about to end the connection for this reason: the last chance to send something. */
  onEnding?(reason: string): void;
  /** Once, when the connection is over; nothing follows. */
  onClose(reason: string): void;
}

/** What happens below the messages, counted per role. */
export interface ReaderCounters {
  /** Frames of unknown type or extension, discarded (SV2 3.4.1). */
  readonly discarded: Counter;
  /** Messages of a known type that could not be decoded. */
  readonly malformed: Counter;
  /** Exceptions of ours. */
  readonly exceptions: Counter;
}

/** Declares the counters of a role. */
export function readerCounters(metrics: Metrics, role: string): ReaderCounters {
  const labels = { role };
  return {
    discarded: metrics.counter("lode_messages_discarded_total", "Frames of unknown type, discarded", labels),
    malformed: metrics.counter("lode_messages_malformed_total", "Messages that could not be decoded", labels),
    exceptions: metrics.counter("lode_session_exceptions_total", "Exceptions contained in a session", labels),
  };
}

/**
 * Turns frames into messages for one connection and keeps what goes wrong inside it: unknown types are discarded, a
 * malformed message closes with `protocol-error`, an exception of the handler with `internal-error`.
 */
export class MessageReader<M> implements FrameHandler {
  readonly connection: FrameConnection;
  readonly #decoder: Decoder<M>;
  readonly #logger: Logger;
  readonly #counters: ReaderCounters;
  #handler: MessageHandler<M>;
  #ended = false;
  #closed = false;

  constructor(
    connection: FrameConnection,
    decoder: Decoder<M>,
    handler: MessageHandler<M>,
    logger: Logger,
    counters: ReaderCounters,
  ) {
    this.connection = connection;
    this.#decoder = decoder;
    this.#handler = handler;
    this.#logger = logger;
    this.#counters = counters;
  }

  /** True from the moment {@link MessageReader.end} was called or the connection closed. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Gives everything from the next message on to another handler, the end of the connection included. */
  handTo(handler: MessageHandler<M>): void {
    this.#handler = handler;
  }

  /** Sends what is queued, then closes; the connection delivers nothing any more but its end. */
  end(reason: string): void {
    if (this.#ended) return;
    // What was received counts, as long as nothing in it ends the connection by itself.
    this.connection.readReceived();
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#handler.onEnding?.(reason);
    } catch (error) {
      this.contain(error);
    }
    this.connection.close(reason);
  }

  onFrame(header: FrameHeader, payload: Uint8Array): void {
    let message: M | undefined;
    try {
      message = this.#decoder.decode(header, payload);
    } catch (error) {
      this.#onUndecodable(header, error);
      return;
    }
    try {
      if (message === undefined) {
        this.#counters.discarded.inc();
        this.#handler.onDiscarded?.();
        return;
      }
      this.#handler.onMessage(message);
    } catch (error) {
      this.contain(error);
    }
  }

  onClose(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ended = true;
    try {
      this.#handler.onClose(reason);
    } catch (error) {
      this.contain(error);
    }
  }

  /** Logs an exception of ours and gives the connection up: for work done outside of a frame, timers for example. */
  contain(error: unknown): void {
    this.#counters.exceptions.inc();
    this.#logger.error({ conn_id: this.connection.id, err: error }, "session failed, closing its connection");
    this.end("internal-error" satisfies EndReason);
  }

  #onUndecodable(header: FrameHeader, error: unknown): void {
    if (!(error instanceof DecodeError)) {
      this.contain(error);
      return;
    }
    this.#counters.malformed.inc();
    this.#logger.warn(
      {
        conn_id: this.connection.id,
        remote_address: this.connection.remoteAddress,
        extension_type: header.extensionType,
        msg_type: header.msgType,
        length: header.length,
        err: error,
      },
      "malformed message, closing the connection",
    );
    this.end("protocol-error" satisfies EndReason);
  }
}
