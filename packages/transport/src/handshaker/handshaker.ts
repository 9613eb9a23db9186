import type { ResponderResult } from "../noise/responder.ts";

/** Answers handshakes for one server identity. A port: inline for tests and small tools, threaded for servers. */
export interface Handshaker {
  /** What multiplies points; printed at start. */
  readonly backend: "libsecp256k1" | "noble";
  /** Handshakes asked for and not answered. */
  readonly pending: number;
  /**
   * Computes act 2 and the connection's keys for a peer's 64 bytes.
   *
   * @throws HandshakeError `bad-length`, `handshaker-busy`, `handshaker-closed` or `worker-crashed`
   */
  respond(act1: Uint8Array): Promise<ResponderResult>;
  /** Refuses further handshakes, drops pending ones and releases what is held. */
  close(): Promise<void>;
}
