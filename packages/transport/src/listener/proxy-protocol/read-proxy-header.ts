import type { Socket } from "node:net";
import { readExactly } from "../../connection/read-exactly.ts";
import { PROXY_PREFIX_SIZE, type ProxySource, parseProxyHeader, proxyRemainder } from "./proxy-header.ts";

/** Whom a connection is counted for. */
export interface Origin {
  readonly address: string;
  /** The load balancer's own connection: a probe, or a client whose address it does not tell. */
  readonly own: boolean;
}

/**
 * Where a load balancer's connection comes from, by the PROXY header that it must begin with.
 *
 * @param proxy the load balancer's address
 * @throws as {@link readProxyHeader}
 */
export async function readOrigin(socket: Socket, proxy: string): Promise<Origin> {
  const source = await readProxyHeader(socket);
  return source.kind === "own" ? { address: proxy, own: true } : { address: source.address, own: false };
}

/**
 * Takes a PROXY header of version 2 off a socket, which must begin with one; the socket is left paused behind it. Nothing is
 * buffered beyond what the checked length says.
 *
 * @throws ProxyHeaderError; TransportError `closed-in-handshake`, and whatever the socket was destroyed with
 */
async function readProxyHeader(socket: Socket): Promise<ProxySource> {
  const prefix = await readExactly(socket, PROXY_PREFIX_SIZE, { text: true });
  const remainder = proxyRemainder(prefix);
  const header = new Uint8Array(PROXY_PREFIX_SIZE + remainder);
  header.set(prefix);
  if (remainder > 0) header.set(await readExactly(socket, remainder, { text: true }), PROXY_PREFIX_SIZE);
  return parseProxyHeader(header);
}
