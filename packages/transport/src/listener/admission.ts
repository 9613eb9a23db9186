import type { Clock } from "@lode/ports";
import { addressBlock } from "../address/address.ts";
import type { ListenLimits } from "../connection/limits.ts";
import { ArrivalRate } from "./arrival-rate.ts";
import { type Books, type Counts, Place } from "./slot.ts";

/** Every bound that can turn a socket away. */
export const refusalReasons = [
  "too-many-connections",
  "too-many-connections-per-address",
  "too-many-handshakes",
  "too-many-handshakes-per-address",
  "too-many-arrivals-per-address",
] as const;

/** Which bound turned a socket away. */
export type RefusalReason = (typeof refusalReasons)[number];

/** What admission knows of a connection. */
export interface Guest {
  readonly remoteAddress: string;
  /** Frames received so far. */
  readonly receivedFrames: number;
  destroy(reason: string): void;
}

/** A connection that is open for this long has proven itself if it has sent as much as a miner at work, milliseconds. */
export const PROVEN_AFTER_MS = 60_000;

/** SetupConnection, a channel, a share. */
export const PROVEN_FRAMES = 3;

/** A socket's place in the counts. */
export interface Ticket {
  /**
   * Counts the socket with its block as well, once it is known whose it is; null, or the bound that this breaks. A ticket
   * that is not seated counts in all only.
   */
  seat(address: string): RefusalReason | null;
  /** The peer's key has come: nobody takes this place any more. */
  keyCame(): void;
  /** The handshake is over, well or not. Works once. */
  handshakeDone(): void;
  /** A connection came of it, which may lose its place until it has proven itself. */
  opened(guest: Guest): void;
  /** Whether it has. */
  readonly isProven: boolean;
  /** The socket is closed. Works once. */
  release(): void;
}

/** A connection that has done next to nothing for this long may lose its place, milliseconds. */
const IDLE_MS = 2 * PROVEN_AFTER_MS;

/** The same in a greedy block, for the sake of others: one that has more than its part of all connections. */
const GREEDY_IDLE_MS = 10_000;
const GREEDY_PART = 1 / 10;
const GREEDY_LEAST = 16;

/** Oldest places that are looked at to find one; a block that is full, or greedy, has many. */
const MOST_LOOKS = 256;

/**
 * Counts sockets in all and by address block. Blocks without a socket are forgotten, so the map is bounded too. Peers that
 * connect and do nothing cannot keep others out: where it is full, the oldest of them goes.
 */
export class Admission {
  readonly #limits: ListenLimits;
  readonly #arrivals: ArrivalRate | null;
  readonly #books: Books;

  constructor(limits: ListenLimits, clock: Clock) {
    this.#limits = limits;
    this.#arrivals = limits.arrivalsPerAddress === null ? null : new ArrivalRate(limits.arrivalsPerAddress);
    this.#books = {
      total: { connections: 0, handshakes: 0 },
      byBlock: new Map(),
      silent: new Set(),
      idle: new Set(),
      now: () => clock.monotonic(),
      enter: (address) => this.#enter(address),
    };
  }

  /** Open sockets, handshakes included. */
  get connections(): number {
    return this.#books.total.connections;
  }

  /** Handshakes in flight. */
  get handshakes(): number {
    return this.#books.total.handshakes;
  }

  /** Address blocks that have a socket. */
  get blocks(): number {
    return this.#books.byBlock.size;
  }

  /**
   * A ticket for a new socket, or the total bound it breaks.
   *
   * @param displace closes the socket: a newcomer got its place
   * @param address where it comes from; null when that is not known yet
   */
  admit(displace: () => void, address: string | null): Ticket | RefusalReason {
    const { connections, handshakes } = this.#limits;
    if (this.#books.total.connections >= connections && !this.#makeRoom(address)) {
      return "too-many-connections";
    }
    if (this.#books.total.handshakes >= handshakes && !this.#displaceSilent(null))
      return "too-many-handshakes";
    return new Place(this.#books, displace);
  }

  /** Looks which connections have proven themselves meanwhile, and tells each once. */
  sweep(onProven: (guest: Guest) => void): void {
    const latest = this.#books.now() - PROVEN_AFTER_MS;
    for (const place of this.#books.idle) {
      if (place.since > latest) return;
      const { guest } = place;
      if (guest === null || guest.receivedFrames < PROVEN_FRAMES) continue;
      place.prove();
      onProven(guest);
    }
  }

  #enter(address: string): { block: string; counts: Counts } | RefusalReason {
    const block = addressBlock(address, this.#limits.blockBits);
    const counts = this.#books.byBlock.get(block) ?? { connections: 0, handshakes: 0 };
    return this.#refusal(block, counts) ?? { block, counts };
  }

  /** Why a block may not have one more. */
  #refusal(block: string, counts: Counts): RefusalReason | null {
    const { connectionsPerAddress, handshakesPerAddress } = this.#limits;
    const inTime = this.#arrivals === null || this.#arrivals.admit(block, this.#books.now());
    if (!inTime) return "too-many-arrivals-per-address";
    if (counts.connections >= connectionsPerAddress && !this.#displaceAny(counts)) {
      return "too-many-connections-per-address";
    }
    if (counts.handshakes >= handshakesPerAddress && !this.#displaceSilent(counts)) {
      return "too-many-handshakes-per-address";
    }
    return null;
  }

  /** Frees a place for a newcomer in the whole, which greedy blocks cannot keep to themselves. */
  #makeRoom(address: string | null): boolean {
    if (this.#displaceAny(null)) return true;
    const { byBlock, idle, total } = this.#books;
    const part = Math.max(GREEDY_LEAST, total.connections * GREEDY_PART);
    const isGreedy = (counts: Counts | null | undefined): boolean => (counts?.connections ?? 0) > part;
    if (address !== null && isGreedy(byBlock.get(addressBlock(address, this.#limits.blockBits))))
      return false;
    return this.#displace(idle, GREEDY_IDLE_MS, isGreedy);
  }

  /** Frees the place of a peer that does nothing, in all or of one block. */
  #displaceAny(of: Counts | null): boolean {
    const { idle } = this.#books;
    return (
      this.#displaceSilent(of) || this.#displace(idle, IDLE_MS, (counts) => of === null || counts === of)
    );
  }

  #displaceSilent(of: Counts | null): boolean {
    const { displaceAfterMs } = this.#limits;
    return this.#displace(this.#books.silent, displaceAfterMs, (counts) => of === null || counts === of);
  }

  /** Frees the oldest of the places in a block that fits, if it is old enough. */
  #displace(places: ReadonlySet<Place>, afterMs: number, fits: (counts: Counts | null) => boolean): boolean {
    const latest = this.#books.now() - afterMs;
    let looks = 0;
    for (const place of places) {
      if (place.since > latest || ++looks > MOST_LOOKS) return false;
      const atWork = place.guest !== null && place.guest.receivedFrames >= PROVEN_FRAMES;
      if (atWork || !fits(place.counts)) continue;
      place.displace();
      return true;
    }
    return false;
  }
}
