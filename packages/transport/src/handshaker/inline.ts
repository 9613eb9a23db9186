import type { Random } from "@lode/ports";
import type { CurveBackend } from "../curve/curve.ts";
import { loadCurve } from "../curve/load-curve.ts";
import type { ServerIdentity } from "../identity/server-identity.ts";
import { generateHandshakeKey } from "../keys/keypair.ts";
import { HandshakeError } from "../noise/handshake-error.ts";
import { respond } from "../noise/responder.ts";
import type { Handshaker } from "./handshaker.ts";

/** What {@link createInlineHandshaker} takes. */
export interface InlineHandshakerOptions {
  readonly random: Random;
  /** Default: the fastest that loads. */
  readonly backend?: CurveBackend;
}

/** A handshaker on the caller's thread: each handshake blocks it for a quarter of a millisecond, or several over noble. */
export function createInlineHandshaker(
  identity: ServerIdentity,
  options: InlineHandshakerOptions,
): Handshaker {
  const curve = loadCurve(options.backend);
  let closed = false;
  return {
    backend: curve.backend,
    pending: 0,
    async respond(act1) {
      if (closed) throw new HandshakeError({ code: "handshaker-closed" });
      const e = generateHandshakeKey(curve, options.random);
      return respond(curve, act1, e, identity.staticKey, identity.certificate());
    },
    async close() {
      closed = true;
    },
  };
}
