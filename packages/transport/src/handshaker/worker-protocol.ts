import type { CurveBackend } from "../curve/curve.ts";
import type { StaticIdentity } from "../keys/keypair.ts";
import type { HandshakeErrorType } from "../noise/handshake-error.ts";
import type { ResponderResult } from "../noise/responder.ts";

/** What a worker is started with. */
export interface WorkerStart {
  readonly staticKey: StaticIdentity;
  readonly backend: CurveBackend;
  readonly ephemeralKeys: number;
  /** The memory of this thread's `WorkerGate`. */
  readonly gate: SharedArrayBuffer;
}

/** To the worker. The certificate comes along because it is renewed outside. */
export interface WorkerRequest {
  readonly id: number;
  readonly act1: Uint8Array;
  readonly certificate: Uint8Array;
}

/** From the worker: once that it runs, then one answer per request. */
export type WorkerReply =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly id: number; readonly result: ResponderResult }
  | { readonly kind: "failed"; readonly id: number; readonly error: HandshakeErrorType };
