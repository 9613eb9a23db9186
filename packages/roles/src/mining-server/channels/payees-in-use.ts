import { type Payee, type PayeeBook, poolPayee } from "@lode/mining";

/** How many payees there may be, beside the pool. */
export interface PayeeLimits {
  readonly maxScriptsPerConnection: number;
  readonly maxScriptsPerSubnet: number;
}

/** Who is paid by the coinbases of open channels, and how many of them each subnet has. */
export class PayeesInUse {
  readonly book: Pick<PayeeBook, "of" | "hold" | "letGo">;
  readonly #limits: PayeeLimits;
  /** Channels by subnet and payee; subnets without any are forgotten. */
  readonly #subnets = new Map<string, Map<Payee, number>>();

  constructor(book: Pick<PayeeBook, "of" | "hold" | "letGo">, limits: PayeeLimits) {
    this.book = book;
    this.#limits = limits;
  }

  /**
   * Why there is no room for another payee; undefined when there is.
   *
   * @param own how many the connection has
   */
  fullFor(payee: Payee, own: number, subnet: string | null): string | undefined {
    if (payee === poolPayee) return undefined;
    const { maxScriptsPerConnection, maxScriptsPerSubnet } = this.#limits;
    if (own >= maxScriptsPerConnection) return "max_scripts_per_connection is reached";
    const known = subnet === null ? undefined : this.#subnets.get(subnet);
    if (known === undefined || known.has(payee) || known.size < maxScriptsPerSubnet) return undefined;
    return "max_scripts_per_subnet is reached";
  }

  /** A channel is open. */
  hold(payee: Payee, subnet: string | null): void {
    if (payee === poolPayee) return;
    this.book.hold(payee);
    if (subnet === null) return;
    let known = this.#subnets.get(subnet);
    if (known === undefined) {
      known = new Map();
      this.#subnets.set(subnet, known);
    }
    known.set(payee, (known.get(payee) ?? 0) + 1);
  }

  /** A channel is closed. */
  letGo(payee: Payee, subnet: string | null): void {
    if (payee === poolPayee) return;
    this.book.letGo(payee);
    const known = subnet === null ? undefined : this.#subnets.get(subnet);
    const channels = known?.get(payee);
    if (subnet === null || known === undefined || channels === undefined) return;
    if (channels > 1) known.set(payee, channels - 1);
    else known.delete(payee);
    if (known.size === 0) this.#subnets.delete(subnet);
  }
}
