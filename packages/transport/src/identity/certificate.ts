import type { Random } from "@lode/ports";
import { schnorr } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { HandshakeError } from "../noise/handshake-error.ts";

/** Bytes of a SIGNATURE_NOISE_MESSAGE: version u16 ‖ valid_from u32 ‖ not_valid_after u32 ‖ signature (spec 4.5.2). */
export const CERTIFICATE_SIZE = 74;
const SIGNED_SIZE = 10;
/** The only version there is. */
const VERSION = 0;
/** Seconds by which the two clocks may disagree, as the reference implementation allows. */
const LEEWAY_SECONDS = 10;

/**
 * Signs a server's static key for a span of time (spec 4.5.3).
 *
 * @param serverKey x-only, 32 bytes
 * @param validFrom Unix seconds, u32
 * @param notValidAfter Unix seconds, u32
 * @returns the certificate as it travels, 74 bytes
 */
export function signCertificate(
  authoritySecret: Uint8Array,
  serverKey: Uint8Array,
  validFrom: number,
  notValidAfter: number,
  random: Random,
): Uint8Array {
  const certificate = new Uint8Array(CERTIFICATE_SIZE);
  const view = new DataView(certificate.buffer);
  view.setUint16(0, VERSION, true);
  view.setUint32(2, validFrom, true);
  view.setUint32(6, notValidAfter, true);
  certificate.set(schnorr.sign(signedHash(certificate, serverKey), authoritySecret, random(32)), SIGNED_SIZE);
  return certificate;
}

/**
 * Checks that the authority vouches for the server's key at this time (spec 4.5.3).
 *
 * @param serverKey x-only, 32 bytes, as the handshake proved it
 * @param authorityKey x-only, 32 bytes
 * @param now Unix seconds
 * @throws HandshakeError `bad-length`, `unsupported-certificate`, `wrong-authority`, `not-yet-valid` or `expired`
 */
export function verifyCertificate(
  certificate: Uint8Array,
  serverKey: Uint8Array,
  authorityKey: Uint8Array,
  now: number,
): void {
  if (certificate.length !== CERTIFICATE_SIZE) {
    throw new HandshakeError({
      code: "bad-length",
      expected: CERTIFICATE_SIZE,
      actual: certificate.length,
    });
  }
  const view = new DataView(certificate.buffer, certificate.byteOffset);
  const version = view.getUint16(0, true);
  if (version !== VERSION) throw new HandshakeError({ code: "unsupported-certificate", version });
  const signature = certificate.subarray(SIGNED_SIZE);
  if (!schnorr.verify(signature, signedHash(certificate, serverKey), authorityKey)) {
    throw new HandshakeError({ code: "wrong-authority" });
  }
  const validFrom = view.getUint32(2, true);
  if (now + LEEWAY_SECONDS < validFrom) throw new HandshakeError({ code: "not-yet-valid", validFrom, now });
  const notValidAfter = view.getUint32(6, true);
  if (now - LEEWAY_SECONDS > notValidAfter) {
    throw new HandshakeError({ code: "expired", notValidAfter, now });
  }
}

/** `m` of spec 4.5.3.1: the fields marked for signing, then the server's x-only key. */
function signedHash(certificate: Uint8Array, serverKey: Uint8Array): Uint8Array {
  return sha256.create().update(certificate.subarray(0, SIGNED_SIZE)).update(serverKey).digest();
}
