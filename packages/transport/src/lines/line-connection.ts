import { type EndFacts, transportEnds } from "../connection/end-reasons.ts";
import type { Allowance, ListenLimits } from "../connection/limits.ts";

/** What a role does with a connection's lines. An exception from either method ends that connection alone. */
export interface LineHandler {
  /** One line without its end, never empty. */
  onLine(line: string): void;
  /**
   * The connection is gone; exactly once, after the last line, and never from inside a call to the connection. `reason` is a
   * {@link LineReason} or what was given to `close` or `destroy`.
   */
  onClose(reason: string): void;
}

/** A peer that speaks in lines of text, such as a Stratum V1 miner. */
export interface LineConnection {
  /** Unique in the process, from 1, below 2^32. */
  readonly id: number;
  /** IP address of the peer, without port; IPv4-mapped addresses as IPv4. */
  readonly remoteAddress: string;
  /** Characters accepted by {@link send} which the system has not taken yet. */
  readonly queuedBytes: number;
  /** Lines are delivered only from now on, never from inside this call. */
  start(handler: LineHandler): void;
  /**
   * Queues whole lines, ends included; what is sent during a turn leaves together at its end. Does nothing once the connection
   * is closing. Cuts the connection (`write-queue-full`) when the peer does not read.
   */
  send(text: string): void;
  /** Writes what is queued, then ends; nothing is delivered any more. */
  close(reason: string): void;
  /** Ends at once; what is queued is lost. */
  destroy(reason: string): void;
}

/** Why the transport itself ends a connection of lines. */
export const lineEnds = {
  "peer-closed": transportEnds["peer-closed"],
  "connection-reset": transportEnds["connection-reset"],
  "socket-failed": transportEnds["socket-failed"],
  "line-too-long": { by: "us", strike: false, says: "a line was longer than it may be" },
  "write-queue-full": transportEnds["write-queue-full"],
  "write-stalled": transportEnds["write-stalled"],
  evicted: transportEnds.evicted,
  "handler-failed": transportEnds["handler-failed"],
  "http-peer": { by: "us", strike: false, says: "the peer speaks HTTP: a health check or a browser" },
  "tls-peer": { by: "us", strike: false, says: "the peer speaks TLS" },
  "not-stratum-v1": { by: "us", strike: false, says: "the peer sent something that is no JSON object" },
  "listener-closed": { by: "us", strike: false, says: "the listener was closed" },
} as const satisfies Readonly<Record<string, EndFacts>>;

/** A key of {@link lineEnds}. */
export type LineReason = keyof typeof lineEnds;

/** Bounds of a listener for lines. Times in milliseconds. */
export interface LineLimits
  extends Pick<
    ListenLimits,
    | "connections"
    | "connectionsPerSubnet"
    | "handshakes"
    | "handshakesPerSubnet"
    | "evictAfterMs"
    | "arrivalsPerSubnet"
    | "subnetBits"
    | "writeStallMs"
    | "closeMs"
    | "keepAliveMs"
  > {
  /** Bytes of a line without its end. */
  readonly lineBytes: number;
  /** Bytes that may wait for the peer; above, the connection is cut. */
  readonly writeQueueBytes: number;
  /** Lines that are read from one connection; what comes faster waits at the peer. */
  readonly lines: Allowance;
  /** Time for a PROXY header, where one is due. */
  readonly handshakeMs: number;
}
