import type { TransportReason } from "../connection/frame-connection.ts";
import type { Guest, RefusalReason, Ticket } from "./admission.ts";

/** Sockets of all, or of one block. */
export interface Counts {
  connections: number;
  handshakes: number;
}

/** What places share: the books they are kept in. */
export interface Books {
  readonly total: Counts;
  readonly byBlock: Map<string, Counts>;
  /** Places whose peers have not sent their key, oldest first. */
  readonly silent: Set<Place>;
  /** Places of connections that have not proven themselves, oldest first. */
  readonly idle: Set<Place>;
  /** Monotonic milliseconds. */
  now(): number;
  /** The block of an address, and why it may not have one more. */
  enter(address: string): { block: string; counts: Counts } | RefusalReason;
}

/** One socket's place. A plain object per connection, since there are many. */
export class Place implements Ticket {
  readonly #books: Books;
  readonly #closeSocket: () => void;
  #guest: Guest | null = null;
  #proven = false;
  #since: number;
  #block = "";
  #counts: Counts | null = null;
  #shaking = true;
  #open = true;

  /** @param displace closes the socket: a newcomer got its place */
  constructor(books: Books, displace: () => void) {
    this.#books = books;
    this.#closeSocket = displace;
    this.#since = books.now();
    books.total.connections += 1;
    books.total.handshakes += 1;
    books.silent.add(this);
  }

  /** Since when the peer has done nothing, monotonic milliseconds. */
  get since(): number {
    return this.#since;
  }

  /** The connection that came of it; null before. */
  get guest(): Guest | null {
    return this.#guest;
  }

  get isProven(): boolean {
    return this.#proven;
  }

  /** The counts of its block; null while it has no seat. */
  get counts(): Counts | null {
    return this.#counts;
  }

  seat(address: string): RefusalReason | null {
    if (!this.#open || !this.#shaking || this.#counts !== null) return null;
    const found = this.#books.enter(address);
    if (typeof found === "string") return found;
    found.counts.connections += 1;
    found.counts.handshakes += 1;
    this.#books.byBlock.set(found.block, found.counts);
    this.#block = found.block;
    this.#counts = found.counts;
    return null;
  }

  keyCame(): void {
    this.#books.silent.delete(this);
  }

  handshakeDone(): void {
    if (!this.#shaking) return;
    this.#shaking = false;
    this.#books.silent.delete(this);
    this.#books.total.handshakes -= 1;
    if (this.#counts !== null) this.#counts.handshakes -= 1;
  }

  opened(guest: Guest): void {
    if (!this.#open) return;
    this.#since = this.#books.now();
    this.#guest = guest;
    this.#books.idle.add(this);
  }

  /** The connection is at work: nobody takes this place any more. */
  prove(): void {
    this.#proven = true;
    this.#books.idle.delete(this);
  }

  release(): void {
    if (!this.#open) return;
    this.handshakeDone();
    this.#open = false;
    this.#books.idle.delete(this);
    this.#books.total.connections -= 1;
    if (this.#counts === null) return;
    this.#counts.connections -= 1;
    if (this.#counts.connections === 0) this.#books.byBlock.delete(this.#block);
  }

  /** Gives the place up at once; the socket takes a moment to close. */
  displace(): void {
    this.release();
    if (this.#guest === null) this.#closeSocket();
    else this.#guest.destroy("displaced" satisfies TransportReason);
  }
}
