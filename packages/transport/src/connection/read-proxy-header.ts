import type { Socket } from "node:net";
import { PROXY_PREFIX_SIZE, type ProxySource, parseProxyHeader, proxyRemainder } from "./proxy-header.ts";
import { readExactly } from "./read-exactly.ts";

/**
 * Takes a PROXY header of version 2 off a socket, which must begin with one; the socket is left paused behind it. Nothing is
 * buffered beyond what the checked length says.
 *
 * @throws ProxyHeaderError; TransportError `closed-in-handshake`, and whatever the socket was destroyed with
 */
export async function readProxyHeader(socket: Socket): Promise<ProxySource> {
  const prefix = await readExactly(socket, PROXY_PREFIX_SIZE, { text: true });
  const remainder = proxyRemainder(prefix);
  const header = new Uint8Array(PROXY_PREFIX_SIZE + remainder);
  header.set(prefix);
  if (remainder > 0) header.set(await readExactly(socket, remainder, { text: true }), PROXY_PREFIX_SIZE);
  return parseProxyHeader(header);
}
