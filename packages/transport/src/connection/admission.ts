import type { Clock } from "@lode/ports";
import { addressBlock } from "./address.ts";
import { ArrivalRate } from "./arrival-rate.ts";
import type { ListenLimits } from "./limits.ts";

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

interface Counts {
  connections: number;
  handshakes: number;
}

/** A socket's place in the counts. */
export interface Ticket {
  /**
   * Counts the socket with its block as well, once it is known whose it is; null, or the bound that this breaks. A ticket
   * that is not seated counts in all only.
   */
  seat(address: string): RefusalReason | null;
  /** The handshake is over, well or not. Works once. */
  handshakeDone(): void;
  /** The socket is closed. Works once. */
  release(): void;
}

/** Counts sockets in all and by address block. Blocks without a socket are forgotten, so the map is bounded too. */
export class Admission {
  readonly #limits: ListenLimits;
  readonly #clock: Clock;
  readonly #arrivals: ArrivalRate | null;
  readonly #byBlock = new Map<string, Counts>();
  readonly #total: Counts = { connections: 0, handshakes: 0 };

  constructor(limits: ListenLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#arrivals = limits.arrivalsPerAddress === null ? null : new ArrivalRate(limits.arrivalsPerAddress);
  }

  /** Open sockets, handshakes included. */
  get connections(): number {
    return this.#total.connections;
  }

  /** Handshakes in flight. */
  get handshakes(): number {
    return this.#total.handshakes;
  }

  /** Address blocks that have a socket. */
  get blocks(): number {
    return this.#byBlock.size;
  }

  /** A ticket for a new socket, or the total bound it breaks. */
  admit(): Ticket | RefusalReason {
    const { connections, handshakes } = this.#limits;
    if (this.#total.connections >= connections) return "too-many-connections";
    if (this.#total.handshakes >= handshakes) return "too-many-handshakes";
    this.#total.connections += 1;
    this.#total.handshakes += 1;
    return this.#ticket();
  }

  #ticket(): Ticket {
    let block: string | null = null;
    let counts: Counts | null = null;
    let shaking = true;
    let open = true;
    const handshakeDone = (): void => {
      if (!shaking) return;
      shaking = false;
      this.#total.handshakes -= 1;
      if (counts !== null) counts.handshakes -= 1;
    };
    const seat = (address: string): RefusalReason | null => {
      if (!open || !shaking || counts !== null) return null;
      const { connectionsPerAddress, handshakesPerAddress, blockBits } = this.#limits;
      const key = addressBlock(address, blockBits);
      const found = this.#byBlock.get(key) ?? { connections: 0, handshakes: 0 };
      if (found.connections >= connectionsPerAddress) return "too-many-connections-per-address";
      if (found.handshakes >= handshakesPerAddress) return "too-many-handshakes-per-address";
      const inTime = this.#arrivals === null || this.#arrivals.admit(key, this.#clock.monotonic());
      if (!inTime) return "too-many-arrivals-per-address";
      found.connections += 1;
      found.handshakes += 1;
      this.#byBlock.set(key, found);
      block = key;
      counts = found;
      return null;
    };
    const release = (): void => {
      if (!open) return;
      handshakeDone();
      open = false;
      this.#total.connections -= 1;
      if (counts === null || block === null) return;
      counts.connections -= 1;
      if (counts.connections === 0) this.#byBlock.delete(block);
    };
    return { seat, handshakeDone, release };
  }
}
