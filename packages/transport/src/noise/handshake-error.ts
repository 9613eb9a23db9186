import { CodedError } from "@lode/ports";

/** Why a handshake failed. */
export type HandshakeErrorType =
  | { readonly code: "bad-length"; readonly expected: number; readonly actual: number }
  | { readonly code: "forged"; readonly part: "static-key" | "certificate" } // MAC does not verify: tampered, or another transcript
  | { readonly code: "unsupported-certificate"; readonly version: number }
  | { readonly code: "wrong-authority" } // the signature is not the expected authority's
  | { readonly code: "expired"; readonly notValidAfter: number; readonly now: number }
  | { readonly code: "not-yet-valid"; readonly validFrom: number; readonly now: number }
  | { readonly code: "handshaker-busy"; readonly limit: number } // the bounded queue is full
  | { readonly code: "handshaker-closed" }
  | { readonly code: "worker-crashed" }
  | { readonly code: "worker-missing"; readonly path: string }; // not built

/** A handshake that did not come about; the connection ends. Times are Unix seconds. */
export class HandshakeError extends CodedError<HandshakeErrorType> {}
