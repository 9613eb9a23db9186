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
  /** The peer's key has come: nobody takes this place any more. */
  keyCame(): void;
  /** The handshake is over, well or not. Works once. */
  handshakeDone(): void;
  /** The socket is closed. Works once. */
  release(): void;
}

/** Oldest places that are looked at to find one of a block; a block that is full has many. */
const MOST_LOOKS = 256;

/**
 * Counts sockets in all and by address block. Blocks without a socket are forgotten, so the map is bounded too. Peers that
 * connect and say nothing cannot keep others out: where handshakes are full, the oldest silent one goes.
 */
export class Admission {
  readonly #limits: ListenLimits;
  readonly #clock: Clock;
  readonly #arrivals: ArrivalRate | null;
  readonly #byBlock = new Map<string, Counts>();
  readonly #total: Counts = { connections: 0, handshakes: 0 };
  /** Places whose peers have not sent their key, oldest first. */
  readonly #silent = new Set<Place>();

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

  /**
   * A ticket for a new socket, or the total bound it breaks.
   *
   * @param displace closes the socket: a newcomer got its place
   */
  admit(displace: () => void): Ticket | RefusalReason {
    const { connections, handshakes } = this.#limits;
    if (this.#total.connections >= connections) return "too-many-connections";
    if (this.#total.handshakes >= handshakes && !this.#displaceSilent(null)) return "too-many-handshakes";
    this.#total.connections += 1;
    this.#total.handshakes += 1;
    const place: Place = { since: this.#clock.monotonic(), counts: null, displace };
    this.#silent.add(place);
    return this.#ticket(place);
  }

  #ticket(place: Place): Ticket {
    let block: string | null = null;
    let shaking = true;
    let open = true;
    const handshakeDone = (): void => {
      if (!shaking) return;
      shaking = false;
      this.#silent.delete(place);
      this.#total.handshakes -= 1;
      if (place.counts !== null) place.counts.handshakes -= 1;
    };
    const closeSocket = place.displace;
    place.displace = () => {
      handshakeDone();
      closeSocket();
    };
    const seat = (address: string): RefusalReason | null => {
      if (!open || !shaking || place.counts !== null) return null;
      const key = addressBlock(address, this.#limits.blockBits);
      const counts = this.#byBlock.get(key) ?? { connections: 0, handshakes: 0 };
      const refusal = this.#refusal(key, counts);
      if (refusal !== null) return refusal;
      counts.connections += 1;
      counts.handshakes += 1;
      this.#byBlock.set(key, counts);
      block = key;
      place.counts = counts;
      return null;
    };
    const release = (): void => {
      if (!open) return;
      handshakeDone();
      open = false;
      this.#total.connections -= 1;
      const { counts } = place;
      if (counts === null || block === null) return;
      counts.connections -= 1;
      if (counts.connections === 0) this.#byBlock.delete(block);
    };
    const keyCame = (): void => {
      this.#silent.delete(place);
    };
    return { seat, keyCame, handshakeDone, release };
  }

  /** Why a block may not have one more. */
  #refusal(block: string, counts: Counts): RefusalReason | null {
    const { connectionsPerAddress, handshakesPerAddress } = this.#limits;
    if (counts.connections >= connectionsPerAddress) return "too-many-connections-per-address";
    if (counts.handshakes >= handshakesPerAddress && !this.#displaceSilent(counts)) {
      return "too-many-handshakes-per-address";
    }
    const inTime = this.#arrivals === null || this.#arrivals.admit(block, this.#clock.monotonic());
    return inTime ? null : "too-many-arrivals-per-address";
  }

  /** Frees the place that has been silent longest, in all or of one block, if that is long enough. */
  #displaceSilent(of: Counts | null): boolean {
    const latest = this.#clock.monotonic() - this.#limits.displaceAfterMs;
    let looks = 0;
    for (const place of this.#silent) {
      if (place.since > latest || ++looks > MOST_LOOKS) return false;
      if (of !== null && place.counts !== of) continue;
      place.displace();
      return true;
    }
    return false;
  }
}

/** A socket in its handshake. */
interface Place {
  /** When it came, monotonic milliseconds. */
  readonly since: number;
  /** Its block's; null while it has no seat. */
  counts: Counts | null;
  displace: () => void;
}
