import { addressGroup } from "./address.ts";
import type { ListenLimits } from "./limits.ts";

/** Which bound turned a socket away. */
export type RefusalReason =
  | "too-many-connections"
  | "too-many-connections-per-address"
  | "too-many-handshakes"
  | "too-many-handshakes-per-address";

interface Counts {
  connections: number;
  handshakes: number;
}

/** A socket's place in the counts. Each method works once. */
export interface Ticket {
  /** The handshake is over, well or not. */
  handshakeDone(): void;
  /** The socket is closed. */
  release(): void;
}

/** Counts sockets in all and by address. Addresses without a socket are forgotten, so the map is bounded too. */
export class Admission {
  readonly #limits: ListenLimits;
  readonly #byAddress = new Map<string, Counts>();
  readonly #total: Counts = { connections: 0, handshakes: 0 };

  constructor(limits: ListenLimits) {
    this.#limits = limits;
  }

  /** Open sockets, handshakes included. */
  get connections(): number {
    return this.#total.connections;
  }

  /** Handshakes in flight. */
  get handshakes(): number {
    return this.#total.handshakes;
  }

  /** A ticket for a new socket, or the bound it breaks. */
  admit(address: string): Ticket | RefusalReason {
    const limits = this.#limits;
    const key = addressGroup(address);
    const counts = this.#byAddress.get(key) ?? { connections: 0, handshakes: 0 };
    if (this.#total.connections >= limits.connections) return "too-many-connections";
    if (counts.connections >= limits.connectionsPerAddress) return "too-many-connections-per-address";
    if (this.#total.handshakes >= limits.handshakes) return "too-many-handshakes";
    if (counts.handshakes >= limits.handshakesPerAddress) return "too-many-handshakes-per-address";
    this.#byAddress.set(key, counts);
    this.#add(counts, "connections", 1);
    this.#add(counts, "handshakes", 1);
    return this.#ticket(key, counts);
  }

  #ticket(key: string, counts: Counts): Ticket {
    let shaking = true;
    let open = true;
    const handshakeDone = (): void => {
      if (!shaking) return;
      shaking = false;
      this.#add(counts, "handshakes", -1);
    };
    const release = (): void => {
      if (!open) return;
      open = false;
      handshakeDone();
      this.#add(counts, "connections", -1);
      if (counts.connections === 0) this.#byAddress.delete(key);
    };
    return { handshakeDone, release };
  }

  #add(counts: Counts, field: keyof Counts, change: number): void {
    counts[field] += change;
    this.#total[field] += change;
  }
}
