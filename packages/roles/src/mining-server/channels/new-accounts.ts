import { sha256d } from "@lode/bitcoin";
import { ShareSet } from "@lode/mining";
import type { Clock } from "@lode/ports";

/** How many accounts nobody has heard of may come. */
export interface NewAccountLimits {
  readonly newAccountsPerSubnetPerHour: number;
  readonly newAccountsPerHour: number;
}

const HOUR_MS = 3_600_000;

/**
 * The payout scripts this pool knows, and how many more may come in an hour: an account costs a miner nothing and the books a
 * place for ever. Known scripts always pass. Hours are counted from the first new account in them, so that at most twice the
 * number comes in any sixty minutes. A known script takes 11 to 22 bytes, by a hash of 8: two are taken for one once in 2^63.
 */
export class NewAccounts {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #limits: NewAccountLimits;
  readonly #known = new ShareSet();
  /** The one asked for last: a farm opens all its channels for one. */
  #last: Uint8Array | undefined;
  #began = Number.NEGATIVE_INFINITY;
  #inAll = 0;
  /** New ones of this hour by subnet. */
  readonly #bySubnet = new Map<string, number>();

  constructor(clock: Pick<Clock, "monotonic">, limits: NewAccountLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Scripts that are known. */
  get known(): number {
    return this.#known.size;
  }

  /** A script that stands in the books. */
  know(script: Uint8Array): void {
    const hash = sha256d(script);
    if (!this.#known.has(hash)) this.#known.add(hash);
  }

  /**
   * Whether an account may have a channel; if so, it is known from now on.
   *
   * @param subnet null: only the pool's own bound counts
   */
  admit(script: Uint8Array, subnet: string | null): boolean {
    if (script === this.#last) return true;
    const hash = sha256d(script);
    if (!this.#known.has(hash)) {
      if (!this.#count(subnet)) return false;
      this.#known.add(hash);
    }
    this.#last = script;
    return true;
  }

  #count(subnet: string | null): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#began >= HOUR_MS) {
      this.#began = now;
      this.#inAll = 0;
      this.#bySubnet.clear();
    }
    if (this.#inAll >= this.#limits.newAccountsPerHour) return false;
    if (subnet !== null) {
      const own = this.#bySubnet.get(subnet) ?? 0;
      if (own >= this.#limits.newAccountsPerSubnetPerHour) return false;
      this.#bySubnet.set(subnet, own + 1);
    }
    this.#inAll++;
    return true;
  }
}
