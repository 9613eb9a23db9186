import { isProxySignature, ProxyHeaderError } from "../listener/proxy-protocol/proxy-header.ts";
import { TransportError } from "./transport-error.ts";

/**
 * Refuses a first handshake message that is something else: a key looks random (SV2 4.5.1), so neither happens by chance
 * (2^-96 and 2^-37). To answer it would only bring a forged header from a peer that is not at fault.
 *
 * @throws ProxyHeaderError `proxy-header-unexpected`; TransportError `tls-peer`
 */
export function checkKey(act1: Uint8Array): void {
  if (isProxySignature(act1)) throw new ProxyHeaderError({ code: "proxy-header-unexpected" });
  // A TLS record of a handshake, version 3.0 to 3.4, that begins with a ClientHello (RFC 8446 5.1, 4).
  if (act1[0] === 0x16 && act1[1] === 3 && act1[2]! <= 4 && act1[5] === 1) {
    throw new TransportError({ code: "tls-peer" });
  }
}
