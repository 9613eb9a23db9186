import { AddressRanges } from "./address-ranges.ts";

const loopback = new AddressRanges(["127.0.0.0/8", "::1"]);

/** True for a host that can only be this machine: 127.0.0.0/8, ::1 and `localhost` (RFC 6761). Other names are not looked up. */
export function isLoopback(host: string): boolean {
  return /^(.+\.)?localhost\.?$/i.test(host) || loopback.contains(host);
}
