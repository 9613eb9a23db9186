import { isIPv4, isIPv6 } from "node:net";

const MAPPED = "::ffff:";

/** A peer's address as people write it: IPv4-mapped IPv6 addresses as IPv4. */
export function plainAddress(address: string): string {
  const tail = address.toLowerCase().startsWith(MAPPED) ? address.slice(MAPPED.length) : "";
  return isIPv4(tail) ? tail : address;
}

/**
 * What per-address limits count by: an IPv4 address, or the /64 of an IPv6 address, which is what one customer gets.
 * Takes what {@link plainAddress} returns.
 */
export function addressGroup(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const last = tail === "" ? [] : tail.split(":");
    const written = groups.length + last.length + (tail.includes(".") ? 1 : 0);
    groups.push(...new Array<string>(Math.max(0, 8 - written)).fill("0"), ...last);
  }
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(":")}::/64`;
}
