import { BlockList, isIP, isIPv4 } from "node:net";
import { TransportError } from "../connection/transport-error.ts";
import { plainAddress } from "./address.ts";

/** A set of addresses, written as CIDR ranges (`10.0.0.0/8`, `2001:db8::/32`) and single addresses. */
export class AddressRanges {
  readonly #list = new BlockList();
  /** How many entries there are. */
  readonly size: number;

  /** @throws TransportError `invalid-address-range` with the entry that cannot be read */
  constructor(entries: readonly string[]) {
    for (const entry of entries) this.#add(entry);
    this.size = entries.length;
  }

  /** True for an address inside one of the subnets; IPv4-mapped addresses count as IPv4. */
  contains(address: string): boolean {
    if (this.size === 0) return false;
    const plain = plainAddress(address.replace(/%.*$/, ""));
    const family = isIP(plain);
    return family !== 0 && this.#list.check(plain, family === 4 ? "ipv4" : "ipv6");
  }

  #add(entry: string): void {
    const [written = "", prefix, ...rest] = entry.split("/");
    const address = plainAddress(written);
    // The prefix of a mapped subnet counts the 96 bits before the IPv4 address.
    const mapped = address !== written;
    const width = isIPv4(address) ? 32 : 128;
    const bits = prefix === undefined ? width : Number(prefix) - (mapped ? 96 : 0);
    const readable = prefix === undefined || /^\d{1,3}$/.test(prefix);
    if (
      isIP(written) === 0 ||
      written.includes("%") ||
      !readable ||
      rest.length > 0 ||
      bits < 0 ||
      bits > width
    ) {
      throw new TransportError(
        { code: "invalid-address-range", entry },
        `${JSON.stringify(entry)} is neither an IP address nor a subnet such as 10.0.0.0/8 or 2001:db8::/32`,
      );
    }
    this.#list.addSubnet(address, bits, width === 32 ? "ipv4" : "ipv6");
  }
}
