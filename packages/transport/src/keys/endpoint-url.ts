import { isIPv6 } from "node:net";
import { KeyError } from "./key-error.ts";
import { decodeAuthorityPublicKey, encodeAuthorityPublicKey } from "./key-text.ts";

/** Where a server listens and which authority vouches for it; the parts that some firmware asks for one by one. */
export interface Endpoint {
  /** Host name, IPv4 or IPv6 address, the latter without brackets. */
  readonly host: string;
  /** TCP port, 1..65535. */
  readonly port: number;
  /** x-only authority key, 32 bytes; null where the URL names none (its certificate goes unchecked). */
  readonly authorityKey: Uint8Array | null;
}

const SCHEME = "stratum2+tcp://";
const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/;

/**
 * Reads `stratum2+tcp://host:port/KEY` (spec 4.7); IPv6 addresses stand in brackets, the key may be missing.
 *
 * @throws KeyError `bad-endpoint` with the part that is wrong, or what the key itself is refused for
 */
export function parseEndpointUrl(text: string): Endpoint {
  if (!text.toLowerCase().startsWith(SCHEME)) throw new KeyError({ code: "bad-endpoint", part: "scheme" });
  const rest = text.slice(SCHEME.length);
  const slash = rest.indexOf("/");
  const authority = slash === -1 ? rest : rest.slice(0, slash);
  const key = slash === -1 ? "" : rest.slice(slash + 1).replace(/\/$/, "");
  if (key.includes("/")) throw new KeyError({ code: "bad-endpoint", part: "key" });
  const colon = authority.lastIndexOf(":");
  const bracketed = authority.startsWith("[");
  if (colon === -1 || authority.endsWith("]")) throw new KeyError({ code: "bad-endpoint", part: "port" });
  const written = authority.slice(0, colon);
  const host = bracketed && written.endsWith("]") ? written.slice(1, -1) : written;
  checkHost(host, bracketed);
  return {
    host,
    port: parsePort(authority.slice(colon + 1)),
    authorityKey: key === "" ? null : decodeAuthorityPublicKey(key),
  };
}

/**
 * Writes what {@link parseEndpointUrl} reads.
 *
 * @throws KeyError as there
 */
export function formatEndpointUrl(endpoint: Endpoint): string {
  const bracketed = isIPv6(endpoint.host);
  checkHost(endpoint.host, bracketed);
  const host = bracketed ? `[${endpoint.host}]` : endpoint.host;
  const port = parsePort(String(endpoint.port));
  const key = endpoint.authorityKey === null ? "" : `/${encodeAuthorityPublicKey(endpoint.authorityKey)}`;
  return `${SCHEME}${host}:${port}${key}`;
}

function checkHost(host: string, bracketed: boolean): void {
  const valid = bracketed ? isIPv6(host) : HOST_NAME.test(host);
  if (!valid) throw new KeyError({ code: "bad-endpoint", part: "host" });
}

function parsePort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new KeyError({ code: "bad-endpoint", part: "port" });
  return port;
}
