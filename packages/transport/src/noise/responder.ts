import type { Curve } from "../curve/curve.ts";
import { decodeElligatorSwift, ELLIGATOR_SWIFT_SIZE } from "../curve/elligator-swift.ts";
import { CERTIFICATE_SIZE } from "../identity/certificate.ts";
import type { HandshakeKey } from "../keys/keypair.ts";
import { TAG_SIZE } from "./cipher-state.ts";
import { ecdh } from "./ecdh.ts";
import { HandshakeError } from "./handshake-error.ts";
import { SymmetricState } from "./symmetric-state.ts";

/** Bytes of the initiator's only message: an ephemeral key. */
export const ACT1_SIZE = ELLIGATOR_SWIFT_SIZE;
/** Bytes of the responder's only message: 64 + 80 + 90 (the spec's table in 4.5.2 says 170, an erratum). */
export const ACT2_SIZE =
  ELLIGATOR_SWIFT_SIZE + (ELLIGATOR_SWIFT_SIZE + TAG_SIZE) + (CERTIFICATE_SIZE + TAG_SIZE);

/** What the responder sends, and the keys of the connection as seen from its side (32 bytes each). */
export interface ResponderResult {
  readonly act2: Uint8Array;
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
}

/**
 * The responder's side of Noise NX (spec 4.5.2.1): one message in, one message out.
 *
 * @param e a key never used before; wiped here
 * @param s the server's static key
 * @param certificate 74 bytes that vouch for `s`
 * @throws HandshakeError `bad-length`; any 64 bytes are an acceptable key
 */
export function respond(
  curve: Curve,
  act1: Uint8Array,
  e: HandshakeKey,
  s: HandshakeKey,
  certificate: Uint8Array,
): ResponderResult {
  if (act1.length !== ACT1_SIZE) {
    throw new HandshakeError({ code: "bad-length", expected: ACT1_SIZE, actual: act1.length });
  }
  const state = new SymmetricState();
  const re = act1;
  const reX = decodeElligatorSwift(curve, re);
  state.mixHash(re);
  state.decryptAndHash(act1.subarray(ACT1_SIZE)); // act 1 carries an empty payload

  const act2 = new Uint8Array(ACT2_SIZE);
  act2.set(e.encoded, 0);
  state.mixHash(e.encoded);
  mixSharedSecret(state, ecdh(curve, e.secretKey, reX, re, e.encoded)); // ee
  e.secretKey.fill(0);
  act2.set(state.encryptAndHash(s.encoded), ELLIGATOR_SWIFT_SIZE);
  mixSharedSecret(state, ecdh(curve, s.secretKey, reX, re, s.encoded)); // es
  act2.set(state.encryptAndHash(certificate), 2 * ELLIGATOR_SWIFT_SIZE + TAG_SIZE);

  const { initiatorToResponder, responderToInitiator } = state.split();
  return { act2, sendKey: responderToInitiator, receiveKey: initiatorToResponder };
}

/** MixKey of a shared secret, which nobody needs afterwards. */
export function mixSharedSecret(state: SymmetricState, secret: Uint8Array): void {
  state.mixKey(secret);
  secret.fill(0);
}
