/** What a connection speaks, by its first bytes. */
export type FirstBytes =
  /** A JSON object: Stratum V1. */
  | "sv1"
  /** Health checks and scanners. */
  | "http"
  /** A TLS ClientHello. */
  | "tls"
  /** Anything else, such as a handshake of Stratum V2. */
  | "other"
  /** Too few bytes to tell. */
  | "undecided";

/**
 * Tells what a connection speaks. Looks at as many bytes as a word of HTTP has, so that other protocols are not mistaken by one
 * byte. Blanks before a JSON object are fine.
 */
export function recogniseFirstBytes(bytes: Uint8Array): FirstBytes {
  const first = bytes.findIndex((byte) => !BLANKS.has(byte));
  if (first < 0) return bytes.length < LOOKED_AT ? "undecided" : "other";
  if (bytes[first] === OPENING_BRACE) return "sv1";
  if (first > 0) return "other";
  if (bytes[0] === TLS_HANDSHAKE) {
    if (bytes.length < 3) return bytes.length < 2 || bytes[1] === TLS_MAJOR ? "undecided" : "other";
    return bytes[1] === TLS_MAJOR && bytes[2]! <= TLS_LAST_MINOR ? "tls" : "other";
  }
  const text = Buffer.from(bytes.subarray(0, LOOKED_AT)).toString("latin1");
  if (HTTP_WORDS.some((word) => text.startsWith(word))) return "http";
  return HTTP_WORDS.some((word) => word.startsWith(text)) ? "undecided" : "other";
}

/** Bytes after which there is always an answer. */
const LOOKED_AT = 16;
const OPENING_BRACE = 0x7b;
const TLS_HANDSHAKE = 0x16;
const TLS_MAJOR = 0x03;
const TLS_LAST_MINOR = 0x04;
const BLANKS: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0d, 0x20]);
/** Methods of HTTP/1 (RFC 9110, 9.3) and the preface of HTTP/2. */
const HTTP_WORDS = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
  "PRI",
].map((word) => `${word} `);
