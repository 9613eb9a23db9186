import { CodedError } from "@lode/ports";
import { formatIpv6, plainAddress } from "../../address/address.ts";

/** What is wrong with a PROXY header. Each code is a reason of `lode_handshake_failures_total`. */
export type ProxyHeaderErrorType =
  | { readonly code: "proxy-header-missing" } // listed as a proxy, but speaks without a header
  | { readonly code: "proxy-header-version-1" } // the text form: the proxy must be set to version 2
  | { readonly code: "proxy-header-unexpected" } // a header from a source that is not listed as a proxy
  | { readonly code: "proxy-header-invalid"; readonly field: "version" | "command" | "family" | "protocol" }
  | { readonly code: "proxy-header-too-long"; readonly length: number; readonly limit: number }
  | { readonly code: "proxy-header-too-short"; readonly length: number; readonly needed: number };

/** A PROXY header that cannot be accepted. */
export class ProxyHeaderError extends CodedError<ProxyHeaderErrorType> {}

/** Who a proxied connection comes from. */
export type ProxySource =
  | { readonly kind: "proxied"; readonly address: string; readonly port: number }
  /** The proxy's own connection, a health probe, or a family it cannot tell: the socket's own address is the real one. */
  | { readonly kind: "own" };

/** Bytes before the part whose length they tell (proxy-protocol.txt 2.2). */
export const PROXY_PREFIX_SIZE = 16;

/** Longest remainder that is taken: addresses, and TLVs that nobody reads. As nginx. */
export const MAX_PROXY_REMAINDER = 4_096;

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
/** `PROXY` */
const VERSION_1 = [0x50, 0x52, 0x4f, 0x58, 0x59];

const COMMAND_LOCAL = 0;
const COMMAND_PROXY = 1;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;

/** True when bytes begin with the signature of version 2, which no key does by chance (12 bytes). */
export function isProxySignature(bytes: Uint8Array): boolean {
  return startsWith(bytes, SIGNATURE);
}

/**
 * Checks the first {@link PROXY_PREFIX_SIZE} bytes and tells how many follow (proxy-protocol.txt 2.2).
 *
 * @throws ProxyHeaderError
 */
export function proxyRemainder(prefix: Uint8Array): number {
  if (!isProxySignature(prefix) || prefix.length < PROXY_PREFIX_SIZE) {
    throw new ProxyHeaderError({
      code: startsWith(prefix, VERSION_1) ? "proxy-header-version-1" : "proxy-header-missing",
    });
  }
  const versionAndCommand = prefix[12]!;
  const family = prefix[13]!;
  if (versionAndCommand >> 4 !== 2) throw invalid("version");
  if ((versionAndCommand & 15) > COMMAND_PROXY) throw invalid("command");
  // The block of a LOCAL header is skipped whatever it says.
  if ((versionAndCommand & 15) === COMMAND_PROXY) {
    if (family >> 4 > 3) throw invalid("family");
    if ((family & 15) > 2) throw invalid("protocol");
  }
  const length = prefix[14]! * 256 + prefix[15]!;
  if (length > MAX_PROXY_REMAINDER) {
    throw new ProxyHeaderError({ code: "proxy-header-too-long", length, limit: MAX_PROXY_REMAINDER });
  }
  return length;
}

/**
 * Reads the source out of a whole header: {@link PROXY_PREFIX_SIZE} bytes and the remainder they announce. TLVs are skipped.
 * Families and protocols other than TCP over IP are taken as unspecified, as the standard allows.
 *
 * @throws ProxyHeaderError
 */
export function parseProxyHeader(header: Uint8Array): ProxySource {
  const length = proxyRemainder(header);
  const available = header.length - PROXY_PREFIX_SIZE;
  if (available < length) {
    throw new ProxyHeaderError({ code: "proxy-header-too-short", length: available, needed: length });
  }
  if ((header[12]! & 15) === COMMAND_LOCAL) return { kind: "own" };
  const family = header[13]!;
  if (family === TCP_OVER_IPV4) {
    needs(length, 12);
    return { kind: "proxied", address: header.subarray(16, 20).join("."), port: u16(header, 24) };
  }
  if (family === TCP_OVER_IPV6) {
    needs(length, 36);
    const groups = Array.from({ length: 8 }, (_, index) => u16(header, 16 + 2 * index));
    return { kind: "proxied", address: plainAddress(formatIpv6(groups)), port: u16(header, 48) };
  }
  return { kind: "own" };
}

/** Network byte order. */
function u16(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 256 + bytes[at + 1]!;
}

function startsWith(bytes: Uint8Array, expected: readonly number[]): boolean {
  return bytes.length >= expected.length && expected.every((byte, index) => bytes[index] === byte);
}

function needs(length: number, needed: number): void {
  if (length < needed) throw new ProxyHeaderError({ code: "proxy-header-too-short", length, needed });
}

function invalid(field: "version" | "command" | "family" | "protocol"): ProxyHeaderError {
  return new ProxyHeaderError({ code: "proxy-header-invalid", field }, `proxy-header-invalid: ${field}`);
}
