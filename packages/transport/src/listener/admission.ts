import type { Clock } from "@lode/ports";
import { subnetOfAddress } from "../address/address.ts";
import type { ListenLimits } from "../connection/limits.ts";
import { ArrivalRate } from "./arrival-rate.ts";
import { type Counts, Slot, type SlotTable } from "./slot.ts";
import type { Peer, RefusalReason, Ticket } from "./ticket.ts";

/** A connection that is open for this long has proven itself if it has sent as much as a miner at work, milliseconds. */
export const PROVEN_AFTER_MS = 60_000;

/** SetupConnection, a channel, a share. */
export const PROVEN_FRAMES = 3;

/** A connection that has done next to nothing for this long may lose its slot, milliseconds. */
const IDLE_MS = 2 * PROVEN_AFTER_MS;

/** The same in a hoarding subnet, for the sake of others: one that has more than its part of all connections. */
const HOARDER_IDLE_MS = 10_000;
const HOARDER_PART = 1 / 10;
const HOARDER_LEAST = 16;

/** Oldest slots that are looked at to find one; a subnet that is full, or hoarding, has many. */
const MOST_LOOKS = 256;

/**
 * Counts sockets in all and by subnet. Subnets without a socket are forgotten, so the map is bounded too. Peers that
 * connect and do nothing cannot keep others out: where it is full, the oldest of them goes.
 */
export class Admission {
  readonly #limits: ListenLimits;
  readonly #arrivals: ArrivalRate | null;
  readonly #table: SlotTable;

  constructor(limits: ListenLimits, clock: Clock) {
    this.#limits = limits;
    this.#arrivals = limits.arrivalsPerSubnet === null ? null : new ArrivalRate(limits.arrivalsPerSubnet);
    this.#table = {
      total: { connections: 0, handshakes: 0 },
      bySubnet: new Map(),
      silent: new Set(),
      idle: new Set(),
      now: () => clock.monotonic(),
      enter: (address) => this.#enter(address),
    };
  }

  /** Open sockets, handshakes included. */
  get connections(): number {
    return this.#table.total.connections;
  }

  /** Handshakes in flight. */
  get handshakes(): number {
    return this.#table.total.handshakes;
  }

  /** Subnets that have a socket. */
  get subnets(): number {
    return this.#table.bySubnet.size;
  }

  /**
   * A ticket for a new socket, or the total bound it breaks.
   *
   * @param evict closes the socket: a newcomer got its slot
   * @param address where it comes from; null when that is not known yet
   */
  admit(evict: () => void, address: string | null): Ticket | RefusalReason {
    const { connections, handshakes } = this.#limits;
    if (this.#table.total.connections >= connections && !this.#makeRoom(address)) {
      return "too-many-connections";
    }
    if (this.#table.total.handshakes >= handshakes && !this.#evictSilent(null)) return "too-many-handshakes";
    return new Slot(this.#table, evict);
  }

  /** Looks which connections have proven themselves meanwhile, and tells each once. */
  sweep(onProven: (peer: Peer) => void): void {
    const latest = this.#table.now() - PROVEN_AFTER_MS;
    for (const slot of this.#table.idle) {
      if (slot.since > latest) return;
      const { peer } = slot;
      if (peer === null || peer.receivedFrames < PROVEN_FRAMES) continue;
      slot.prove();
      onProven(peer);
    }
  }

  #enter(address: string): { subnet: string; counts: Counts } | RefusalReason {
    const subnet = subnetOfAddress(address, this.#limits.subnetBits);
    const counts = this.#table.bySubnet.get(subnet) ?? { connections: 0, handshakes: 0 };
    return this.#refusal(subnet, counts) ?? { subnet, counts };
  }

  /** Why a subnet may not have one more. */
  #refusal(subnet: string, counts: Counts): RefusalReason | null {
    const { connectionsPerSubnet, handshakesPerSubnet } = this.#limits;
    const inTime = this.#arrivals === null || this.#arrivals.admit(subnet, this.#table.now());
    if (!inTime) return "too-many-arrivals-per-subnet";
    if (counts.connections >= connectionsPerSubnet && !this.#evictAny(counts)) {
      return "too-many-connections-per-subnet";
    }
    if (counts.handshakes >= handshakesPerSubnet && !this.#evictSilent(counts)) {
      return "too-many-handshakes-per-subnet";
    }
    return null;
  }

  /** Frees a slot for a newcomer in the whole, which hoarding subnets cannot keep to themselves. */
  #makeRoom(address: string | null): boolean {
    if (this.#evictAny(null)) return true;
    const { bySubnet, idle, total } = this.#table;
    const part = Math.max(HOARDER_LEAST, total.connections * HOARDER_PART);
    const isHoarder = (counts: Counts | null | undefined): boolean => (counts?.connections ?? 0) > part;
    if (address !== null && isHoarder(bySubnet.get(subnetOfAddress(address, this.#limits.subnetBits))))
      return false;
    return this.#evict(idle, HOARDER_IDLE_MS, isHoarder);
  }

  /** Frees the slot of a peer that does nothing, in all or of one subnet. */
  #evictAny(of: Counts | null): boolean {
    const { idle } = this.#table;
    return this.#evictSilent(of) || this.#evict(idle, IDLE_MS, (counts) => of === null || counts === of);
  }

  #evictSilent(of: Counts | null): boolean {
    const { evictAfterMs } = this.#limits;
    return this.#evict(this.#table.silent, evictAfterMs, (counts) => of === null || counts === of);
  }

  /** Frees the oldest of the slots in a subnet that fits, if it is old enough. */
  #evict(slots: ReadonlySet<Slot>, afterMs: number, fits: (counts: Counts | null) => boolean): boolean {
    const latest = this.#table.now() - afterMs;
    let looks = 0;
    for (const slot of slots) {
      if (slot.since > latest || ++looks > MOST_LOOKS) return false;
      const atWork = slot.peer !== null && slot.peer.receivedFrames >= PROVEN_FRAMES;
      if (atWork || !fits(slot.counts)) continue;
      slot.evict();
      return true;
    }
    return false;
  }
}
