import { defaultSubnetBits, type SubnetBits } from "../address/address.ts";

/** A bucket: `burst` at once, and `perSecond` more each second, up to `burst` again. */
export interface Allowance {
  readonly burst: number;
  readonly perSecond: number;
}

/** How fast a connection is read. A peer above it is not cut: it is not read for a moment, and TCP holds it back. */
export interface ReadLimits {
  /** Ciphertext bytes. */
  readonly bytes: Allowance;
  /** Whole frames. */
  readonly frames: Allowance;
}

/** Bounds of one connection. Times in milliseconds. */
export interface ConnectionLimits {
  /** From accept or connect to the last handshake byte, and from there to `start`. */
  readonly handshakeMs: number;
  /** Ciphertext bytes that may wait for the peer; above, the connection is cut. One frame always fits an empty queue. */
  readonly writeQueueBytes: number;
  /** How long bytes may sit in the process because the peer's window is closed, before the peer counts as gone. */
  readonly writeStallMs: number;
  /** How long a frame may take from its first to its last byte. */
  readonly frameMs: number;
  /** How long `close` waits for the peer to end as well. */
  readonly closeMs: number;
  /** Silence after which TCP probes the peer. */
  readonly keepAliveMs: number;
  /** How fast the peer may send; null reads whatever comes. */
  readonly reading: ReadLimits | null;
}

/** Bounds of a listener. A refused socket is closed without a word and counted. */
export interface ListenLimits extends ConnectionLimits {
  /** Sockets in all, handshakes included. */
  readonly connections: number;
  /** Sockets per subnet. Farms stand behind one address. */
  readonly connectionsPerSubnet: number;
  /** Sockets that have not finished their handshake. */
  readonly handshakes: number;
  /** The same per subnet. */
  readonly handshakesPerSubnet: number;
  /** Where handshakes are full, a newcomer takes the place of one that has sent no key for this long, milliseconds. */
  readonly evictAfterMs: number;
  /** New sockets per subnet; null: as they come. */
  readonly arrivalsPerSubnet: Allowance | null;
  /** What a subnet is. */
  readonly subnetBits: SubnetBits;
}

/** Bounds of {@link dial}. */
export interface DialLimits extends ConnectionLimits {
  /** For name lookup and TCP connect. */
  readonly connectMs: number;
}

export const defaultConnectionLimits: ConnectionLimits = {
  handshakeMs: 10_000,
  writeQueueBytes: 4 * 1024 * 1024,
  writeStallMs: 30_000,
  frameMs: 30_000,
  closeMs: 5_000,
  keepAliveMs: 60_000,
  reading: null,
};

/** A proxy with 10,000 channels sends some 1,000 shares a second at six a minute each; opening them is one burst. */
export const defaultReadLimits: ReadLimits = {
  bytes: { burst: 8_000_000, perSecond: 2_000_000 },
  frames: { burst: 20_000, perSecond: 5_000 },
};

export const defaultListenLimits: ListenLimits = {
  ...defaultConnectionLimits,
  reading: defaultReadLimits,
  connections: 20_000,
  connectionsPerSubnet: 10_000,
  handshakes: 4_096,
  handshakesPerSubnet: 2_048,
  evictAfterMs: 2_000,
  arrivalsPerSubnet: null,
  subnetBits: defaultSubnetBits,
};

export const defaultDialLimits: DialLimits = { ...defaultConnectionLimits, connectMs: 5_000 };

/** Payload cap of message types nobody declared: they are delivered so that roles can discard them (SV2 3.4.1). */
export const UNKNOWN_MESSAGE_MAX_LENGTH = 65_536;

/** The payload cap of a message type in bytes, undefined for an unknown one. `extensionType` comes without bit 15. */
export type MaxLength = (extensionType: number, msgType: number) => number | undefined;
