import { CodedError } from "@lode/ports";

/** Why a key or an endpoint was refused. */
export type KeyErrorType =
  | { readonly code: "bad-characters" } // no base58
  | { readonly code: "bad-checksum" }
  | { readonly code: "bad-length"; readonly expected: number; readonly actual: number }
  | { readonly code: "bad-version"; readonly expected: number; readonly actual: number }
  | { readonly code: "not-on-curve" } // x has no point
  | { readonly code: "out-of-range" } // a secret of 0, or n and above
  | { readonly code: "bad-endpoint"; readonly part: "scheme" | "host" | "port" | "key" };

/** A key or an endpoint that cannot be used. Never carries key bytes. */
export class KeyError extends CodedError<KeyErrorType> {}
