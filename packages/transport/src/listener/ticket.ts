/** A socket's slot in the counts. */
export interface Ticket {
  /**
   * Counts the socket with its subnet as well, once it is known whose it is; null, or the bound that this breaks. A ticket
   * that is not counted counts in all only.
   */
  count(address: string): RefusalReason | null;
  /** The peer's key has come: nobody takes this slot any more. */
  keyCame(): void;
  /** The handshake is over, well or not. Works once. */
  handshakeDone(): void;
  /** A connection came of it, which may lose its slot until it has proven itself. */
  opened(peer: Peer): void;
  /** Whether it has. */
  readonly isProven: boolean;
  /** The socket is closed. Works once. */
  release(): void;
}

/** Every bound that can turn a socket away. */
export const refusalReasons = [
  "too-many-connections",
  "too-many-connections-per-subnet",
  "too-many-handshakes",
  "too-many-handshakes-per-subnet",
  "too-many-arrivals-per-subnet",
] as const;

/** Which bound turned a socket away. */
export type RefusalReason = (typeof refusalReasons)[number];

/** What admission knows of a connection. */
export interface Peer {
  readonly remoteAddress: string;
  /** Frames received so far. */
  readonly receivedFrames: number;
  destroy(reason: string): void;
}
