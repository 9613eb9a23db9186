import type { TransportReason } from "../connection/end-reasons.ts";
import type { Peer, RefusalReason, Ticket } from "./ticket.ts";

/** Sockets of all, or of one subnet. */
export interface Counts {
  connections: number;
  handshakes: number;
}

/** What slots share: the table they are kept in. */
export interface SlotTable {
  readonly total: Counts;
  readonly bySubnet: Map<string, Counts>;
  /** Places whose peers have not sent their key, oldest first. */
  readonly silent: Set<Slot>;
  /** Places of connections that have not proven themselves, oldest first. */
  readonly idle: Set<Slot>;
  /** Monotonic milliseconds. */
  now(): number;
  /** The subnet of an address, and why it may not have one more. */
  enter(address: string): { subnet: string; counts: Counts } | RefusalReason;
}

/** One socket's slot. A plain object per connection, since there are many. */
export class Slot implements Ticket {
  readonly #table: SlotTable;
  readonly #closeSocket: () => void;
  #peer: Peer | null = null;
  #proven = false;
  #since: number;
  #subnet = "";
  #counts: Counts | null = null;
  #shaking = true;
  #open = true;

  /** @param evict closes the socket: a newcomer got its slot */
  constructor(table: SlotTable, evict: () => void) {
    this.#table = table;
    this.#closeSocket = evict;
    this.#since = table.now();
    table.total.connections += 1;
    table.total.handshakes += 1;
    table.silent.add(this);
  }

  /** Since when the peer has done nothing, monotonic milliseconds. */
  get since(): number {
    return this.#since;
  }

  /** The connection that came of it; null before. */
  get peer(): Peer | null {
    return this.#peer;
  }

  get isProven(): boolean {
    return this.#proven;
  }

  /** The counts of its subnet; null while it is not counted there. */
  get counts(): Counts | null {
    return this.#counts;
  }

  count(address: string): RefusalReason | null {
    if (!this.#open || !this.#shaking || this.#counts !== null) return null;
    const found = this.#table.enter(address);
    if (typeof found === "string") return found;
    found.counts.connections += 1;
    found.counts.handshakes += 1;
    this.#table.bySubnet.set(found.subnet, found.counts);
    this.#subnet = found.subnet;
    this.#counts = found.counts;
    return null;
  }

  keyCame(): void {
    this.#table.silent.delete(this);
  }

  handshakeDone(): void {
    if (!this.#shaking) return;
    this.#shaking = false;
    this.#table.silent.delete(this);
    this.#table.total.handshakes -= 1;
    if (this.#counts !== null) this.#counts.handshakes -= 1;
  }

  opened(peer: Peer): void {
    if (!this.#open) return;
    this.#since = this.#table.now();
    this.#peer = peer;
    this.#table.idle.add(this);
  }

  /** The connection is at work: nobody takes this slot any more. */
  prove(): void {
    this.#proven = true;
    this.#table.idle.delete(this);
  }

  release(): void {
    if (!this.#open) return;
    this.handshakeDone();
    this.#open = false;
    this.#table.idle.delete(this);
    this.#table.total.connections -= 1;
    if (this.#counts === null) return;
    this.#counts.connections -= 1;
    if (this.#counts.connections === 0) this.#table.bySubnet.delete(this.#subnet);
  }

  /** Gives the slot up at once; the socket takes a moment to close. */
  evict(): void {
    this.release();
    if (this.#peer === null) this.#closeSocket();
    else this.#peer.destroy("evicted" satisfies TransportReason);
  }
}
