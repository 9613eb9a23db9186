import type { Native } from "@lode/native";
import type { Clock, Logger, Metrics } from "@lode/ports";
import type { FrameConnection } from "../connection/frame-connection.ts";
import type { ListenLimits, MaxLength } from "../connection/limits.ts";
import type { Handshaker } from "../handshaker/handshaker.ts";

/** Told how the connections of a listener behave: what bans are made of. */
export interface ConnectionWatch {
  /** A connection has proven itself: it has been open for a minute and has sent as much as a miner at work. */
  proven(remoteAddress: string): void;
  /** A connection ended after its handshake. `proven` tells whether the other call was made for it. */
  ended(remoteAddress: string, reason: string, proven: boolean): void;
}

/** A socket to listen on, and who answers there. */
export interface ListenPlace {
  readonly host: string;
  /** TCP port; 0 lets the system choose. */
  readonly port: number;
  /** Shared by listeners and closed by its owner. */
  readonly handshaker: Handshaker;
}

/** What `listen` takes. */
export interface ListenOptions extends ListenPlace {
  /** Further sockets. All of them together are one listener for limits, metrics and bans. */
  readonly also?: readonly ListenPlace[];
  readonly native: Native;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxLength: MaxLength;
  readonly limits?: Partial<ListenLimits>;
  readonly metrics?: Metrics;
  /** Fixed labels of this listener's metrics, to tell several apart. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Asked for every arriving socket: null lets it in, a reason code turns it away (bans, drain). */
  readonly admit?: (remoteAddress: string) => string | null;
  /** Told how connections behave. */
  readonly watch?: ConnectionWatch;
  /**
   * CIDR ranges of the load balancers that put a PROXY header of version 2 before every connection. Their sockets must begin
   * with one, and count for the address it tells; sockets from anywhere else must not have one.
   */
  readonly proxyProtocolFrom?: readonly string[];
  /** CIDR ranges whose addresses the bounds per subnet do not apply to. */
  readonly exemptFrom?: readonly string[];
  /** Gets every connection once its handshake is done; calls `start` on it. An exception cuts that connection. */
  readonly onConnection: (connection: FrameConnection) => void;
}

/** A listening socket. */
export interface Listener {
  readonly port: number;
  /** Open sockets, handshakes included. */
  readonly connections: number;
  /** Stops accepting and drops unfinished handshakes; running connections stay with their roles. */
  close(): Promise<void>;
}

/** A listener of encrypted connections. */
export interface FrameListener extends Listener {
  /** The first port and those of `also`, in their order. */
  readonly ports: readonly number[];
}
