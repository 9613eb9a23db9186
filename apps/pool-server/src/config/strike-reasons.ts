import type { CloseReason } from "@lode/roles";
import type { TransportReason } from "@lode/transport";

/**
 * Ends of a connection that prove misbehaviour of who speaks our protocol: a handshake came first. What else may be an accident
 * is none: silence, deadlines, resets, peers that do not read (bad links); text, TLS or plain TCP connects (probes, wrong
 * ports); a refused setup or a missing extension (wrong configuration); and everything that we decided ourselves.
 */
export const strikeReasons = [
  "forged-header",
  "forged-payload",
  "frame-too-long",
  "protocol-error",
  "setup-missing",
  "setup-repeated",
  "too-many-invalid-messages",
  "too-many-invalid-shares",
  "too-many-openings",
] as const satisfies readonly (CloseReason | TransportReason)[];
