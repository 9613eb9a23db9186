import type { FrameHeader } from "@lode/protocol";

/** What a role does with a connection's frames. An exception from either method ends that connection alone. */
export interface FrameHandler {
  /** One frame. `payload` is valid only during the call: copy what is kept. */
  onFrame(header: FrameHeader, payload: Uint8Array): void;
  /**
   * The connection is gone; exactly once, after the last frame, and never from inside {@link FrameConnection.send},
   * `close` or `destroy`. `reason` is a kebab-case code: a `TransportReason` or what was given to `close`/`destroy`.
   */
  onClose(reason: string): void;
}

/** A peer, as roles see it: frames in, frames out, in order. Encrypted over a socket, or in memory under simulation. */
export interface FrameConnection {
  /** Unique in the process, from 1, below 2^32. */
  readonly id: number;
  /** IP address of the peer, without port; IPv4-mapped addresses as IPv4. */
  readonly remoteAddress: string;
  /** Bytes accepted by {@link send} which the peer's side of the wire has not taken yet. */
  readonly queuedBytes: number;
  /** Frames are delivered from now on, never from inside this call. A connection that nothing starts is cut (`not-started`). */
  start(handler: FrameHandler): void;
  /**
   * Queues a plaintext frame (header and payload); the caller may reuse the bytes at once. What is sent during a turn
   * leaves together at its end. Does nothing once the connection is closing. Cuts the connection (`write-queue-full`) when
   * the peer does not read; what it has sent is delivered before `onClose`.
   *
   * @throws TransportError `bad-frame` if the header's length is not the payload's
   */
  send(frame: Uint8Array): void;
  /** Writes now what was sent in this turn. */
  flush(): void;
  /**
   * Delivers now what has been received and waits for its turn, so that nothing the peer has sent is left aside when the
   * connection is about to be closed. Does nothing while a frame of this connection is being handled.
   */
  readReceived(): void;
  /** Writes what is queued, then ends; nothing is delivered any more. `onClose` follows when the peer has ended too. */
  close(reason: string): void;
  /** Ends at once; what is queued is lost. */
  destroy(reason: string): void;
}

let lastId = 0;

/** The next connection id of this process. */
export function nextConnectionId(): number {
  lastId = lastId === 0xffff_ffff ? 1 : lastId + 1;
  return lastId;
}
