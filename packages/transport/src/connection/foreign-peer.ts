import { TransportError, type TransportErrorType } from "./transport-error.ts";

/** Longest answer, bytes. */
export const FOREIGN_ANSWER_MAX = 200;

const SV1_TEXT =
  "This port speaks Stratum V2: choose SV2 in the miner's settings, or use the pool's Stratum V1 port";
const HTTP_TEXT = "This port speaks Stratum V2 to miners; it is no web page.\n";

/** The request line of HTTP (RFC 9112 3). */
const HTTP_REQUEST = /^(GET|HEAD|POST|PUT|DELETE|OPTIONS|CONNECT|PATCH|TRACE) /;
/** The id of a Stratum V1 request, where it stands among the first bytes: a number or a short text. */
const SV1_ID = /"id"\s*:\s*(\d{1,9}|"[\w-]{1,20}")\s*[,}]/;

/** What a client speaks whose first bytes are text, where a Noise key was expected. */
export function foreignPeer(bytes: Uint8Array): TransportError {
  const text = Buffer.from(bytes).toString("latin1").trimStart();
  if (text.startsWith("{"))
    return new TransportError({ code: "sv1-peer", id: SV1_ID.exec(text)?.[1] ?? "null" });
  if (HTTP_REQUEST.test(text)) return new TransportError({ code: "http-peer" });
  return new TransportError({ code: "plaintext-peer" });
}

/**
 * One answer to a foreign client, in its own protocol, that says what to do; at most {@link FOREIGN_ANSWER_MAX} bytes.
 *
 * @returns undefined for peers that get none
 */
export function foreignAnswer(type: TransportErrorType): string | undefined {
  if (type.code === "sv1-peer") {
    return `{"id":${type.id},"result":null,"error":[20,"${SV1_TEXT}",null]}\n`;
  }
  if (type.code === "http-peer") {
    const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: ${HTTP_TEXT.length}`;
    return `${head}\r\nConnection: close\r\n\r\n${HTTP_TEXT}`;
  }
  return undefined;
}
