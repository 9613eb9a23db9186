/** What is known of a reason for which a connection ended. */
export interface EndFacts {
  /** Who ended it: the peer (or the network to it), or we. */
  readonly by: "peer" | "us";
  /**
   * It proves misbehaviour of a peer that speaks our protocol, and counts towards a ban. What may be an accident does not:
   * deadlines, resets, peers that do not read (bad links), wrong configuration, and what we decided for reasons of our own.
   */
  readonly strike: boolean;
  /** What happened, for people: the text of the documents. */
  readonly says: string;
}

/**
 * Why the transport itself ends a connection: the `reason` of `FrameHandler.onClose`, of logs and of metric labels. Roles add
 * reasons of their own. A reason is never reused for another meaning.
 */
export const transportEnds = {
  "peer-closed": { by: "peer", strike: false, says: "the peer closed the connection" },
  "connection-reset": { by: "peer", strike: false, says: "the peer reset the connection" },
  "connection-timeout": {
    by: "peer",
    strike: false,
    says: "the peer is gone: keepalive probes or retransmissions were not answered",
  },
  "socket-failed": { by: "us", strike: false, says: "the socket failed in some other way" },
  "forged-header": {
    by: "us",
    strike: true,
    says: "a frame's header was not encrypted with the connection's key",
  },
  "forged-payload": {
    by: "us",
    strike: true,
    says: "a frame's payload was not encrypted with the connection's key",
  },
  "frame-too-long": { by: "us", strike: true, says: "a frame was longer than its message may be" },
  "frame-timeout": { by: "us", strike: false, says: "a frame began and did not end in time" },
  "write-queue-full": {
    by: "us",
    strike: false,
    says: "the peer did not read: too many bytes waited for it",
  },
  "write-stalled": { by: "us", strike: false, says: "the peer did not read: bytes waited for it too long" },
  "cipher-failed": { by: "us", strike: false, says: "a fault of ours in encryption" },
  evicted: { by: "us", strike: false, says: "the peer did next to nothing, and others waited for its place" },
  "handler-failed": { by: "us", strike: false, says: "a fault of ours: the connection's handler threw" },
  "not-started": { by: "us", strike: false, says: "a fault of ours: nothing took the connection over" },
} as const satisfies Readonly<Record<string, EndFacts>>;

/** A key of {@link transportEnds}. */
export type TransportReason = keyof typeof transportEnds;

/** Whether the peer ended the connection; false for a reason that is not known here. */
export function isPeersEnd(reason: string): boolean {
  return ends.get(reason)?.by === "peer";
}

const ends: ReadonlyMap<string, EndFacts> = new Map(Object.entries(transportEnds));
