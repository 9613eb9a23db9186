import type { Curve } from "../curve/curve.ts";
import { decodeElligatorSwift, ELLIGATOR_SWIFT_SIZE } from "../curve/elligator-swift.ts";
import type { HandshakeKey } from "../keys/keypair.ts";
import { TAG_SIZE } from "./cipher-state.ts";
import { ecdh } from "./ecdh.ts";
import { HandshakeError } from "./handshake-error.ts";
import { ACT2_SIZE, mixSharedSecret } from "./responder.ts";
import { SymmetricState } from "./symmetric-state.ts";

/** What a finished handshake gives the initiator. The certificate is not checked yet. */
export interface InitiatorResult {
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  /** The server's static key, x-only, 32 bytes. */
  readonly serverKey: Uint8Array;
  /** 74 bytes; see `verifyCertificate`. */
  readonly certificate: Uint8Array;
}

/** The initiator's side of Noise NX (spec 4.5.1.1 and 4.5.2.2). Good for one handshake. */
export class Initiator {
  /** To be sent first: 64 bytes. */
  readonly act1: Uint8Array;
  readonly #curve: Curve;
  readonly #e: HandshakeKey;
  readonly #state = new SymmetricState();

  /** @param e a key never used before; wiped by {@link readAct2} */
  constructor(curve: Curve, e: HandshakeKey) {
    this.#curve = curve;
    this.#e = e;
    this.act1 = e.encoded;
    this.#state.mixHash(e.encoded);
    this.#state.encryptAndHash(new Uint8Array(0));
  }

  /**
   * Takes the responder's answer.
   *
   * @throws HandshakeError `bad-length` or `forged`
   */
  readAct2(act2: Uint8Array): InitiatorResult {
    if (act2.length !== ACT2_SIZE) {
      throw new HandshakeError({ code: "bad-length", expected: ACT2_SIZE, actual: act2.length });
    }
    const curve = this.#curve;
    const state = this.#state;
    const { secretKey, encoded } = this.#e;
    const certificateAt = 2 * ELLIGATOR_SWIFT_SIZE + TAG_SIZE;
    try {
      const re = act2.subarray(0, ELLIGATOR_SWIFT_SIZE);
      state.mixHash(re);
      mixSharedSecret(state, ecdh(curve, secretKey, decodeElligatorSwift(curve, re), encoded, re)); // ee
      const rs = state.decryptAndHash(act2.subarray(ELLIGATOR_SWIFT_SIZE, certificateAt));
      if (rs === null) throw new HandshakeError({ code: "forged", part: "static-key" });
      const serverKey = decodeElligatorSwift(curve, rs);
      mixSharedSecret(state, ecdh(curve, secretKey, serverKey, encoded, rs)); // es
      const certificate = state.decryptAndHash(act2.subarray(certificateAt));
      if (certificate === null) throw new HandshakeError({ code: "forged", part: "certificate" });
      const { initiatorToResponder, responderToInitiator } = state.split();
      return { sendKey: initiatorToResponder, receiveKey: responderToInitiator, serverKey, certificate };
    } finally {
      secretKey.fill(0);
      state.wipe();
    }
  }
}
