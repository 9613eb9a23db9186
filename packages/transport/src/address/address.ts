import { isIPv4, isIPv6, SocketAddress } from "node:net";

const MAPPED = "::ffff:";

/** A peer's address as people write it: IPv4-mapped IPv6 addresses as IPv4. */
export function plainAddress(address: string): string {
  const tail = address.toLowerCase().startsWith(MAPPED) ? address.slice(MAPPED.length) : "";
  return isIPv4(tail) ? tail : address;
}

/** How much of an address names whom limits and bans count as one: prefix lengths in bits. */
export interface SubnetBits {
  /** 1 to 32. */
  readonly ipv4: number;
  /** 1 to 128. */
  readonly ipv6: number;
}

/** One IPv4 address, and the /64 of an IPv6 address, which is what one customer gets. */
export const defaultSubnetBits: SubnetBits = { ipv4: 32, ipv6: 64 };

/**
 * The subnet of an address, which per-address limits count by: `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/64`. Takes what
 * {@link plainAddress} returns; what is no IP address is its own subnet.
 */
export function subnetOfAddress(address: string, bits: SubnetBits): string {
  if (isIPv4(address)) {
    if (bits.ipv4 === 32) return address;
    const bytes = masked(address.split(".").map(Number), 8, bits.ipv4);
    return `${bytes.join(".")}/${bits.ipv4}`;
  }
  if (!isIPv6(address)) return address;
  return `${shortened(masked(ipv6Groups(address), 16, bits.ipv6))}/${bits.ipv6}`;
}

/** Groups with the zeros at their end left out, which is where a subnet has its zeros. */
function shortened(groups: readonly number[]): string {
  let length = 8;
  while (length > 0 && groups[length - 1] === 0) length -= 1;
  const written = groups.slice(0, length).map((group) => group.toString(16));
  return written.join(":") + (length === 8 ? "" : length === 7 ? ":0" : "::");
}

/** Eight groups of 16 bits, written as RFC 5952 says. */
export function formatIpv6(groups: readonly number[]): string {
  const address = groups.map((group) => group.toString(16)).join(":");
  return new SocketAddress({ family: "ipv6", address }).address;
}

/** The eight groups of an IPv6 address; a zone is left out. */
function ipv6Groups(address: string): number[] {
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const groups = groupsOf(head);
  if (tail === undefined) return groups;
  const last = groupsOf(tail);
  return [...groups, ...new Array<number>(8 - groups.length - last.length).fill(0), ...last];
}

/** A run of groups, the last of which may be written as an IPv4 address. */
function groupsOf(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return Number.parseInt(group, 16);
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

/** Numbers of `width` bits each, with everything behind the first `bits` bits cleared. */
function masked(numbers: readonly number[], width: number, bits: number): number[] {
  return numbers.map((number, index) => {
    const cleared = Math.min(width, Math.max(0, (index + 1) * width - bits));
    return (number >> cleared) << cleared;
  });
}
