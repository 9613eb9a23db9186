import { CodedError } from "@lode/ports";

/** Why a connection or a listener did not come about, or a frame was refused. */
export type TransportErrorType =
  | { readonly code: "bad-frame"; readonly declared: number; readonly actual: number }
  | { readonly code: "listen-failed"; readonly cause: string } // Node's code: EADDRINUSE, EACCES, …
  | { readonly code: "unreachable"; readonly cause: string } // ECONNREFUSED, ENOTFOUND, …
  | { readonly code: "connect-timeout" }
  | { readonly code: "handshake-timeout" }
  | { readonly code: "closed-in-handshake" } // the peer went away first
  | { readonly code: "invalid-address-range"; readonly entry: string }
  | { readonly code: "handshake-evicted" } // silent, and others were waiting
  | { readonly code: "early-data" } // more than act 1 before act 2
  | { readonly code: "sv1-peer"; readonly id: string } // a Stratum V1 request instead of a key; its id as JSON
  | { readonly code: "http-peer" } // an HTTP request instead of a key
  | { readonly code: "plaintext-peer" } // other text instead of a key
  | { readonly code: "tls-peer" } // a TLS ClientHello instead of a key
  | { readonly code: "listener-closed" };

/** A failure of the transport outside a running connection. */
export class TransportError extends CodedError<TransportErrorType> {}
