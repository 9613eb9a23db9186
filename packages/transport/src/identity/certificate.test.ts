import { systemRandom } from "@lode/ports";
import { schnorr } from "@noble/curves/secp256k1.js";
import { describe, expect, it } from "vitest";
import bip340 from "../../../../test/vectors/bip340.json" with { type: "json" };
import handshakes from "../../../../test/vectors/noise-sri.json" with { type: "json" };
import { generateKeypair } from "../keys/keypair.ts";
import { HandshakeError } from "../noise/handshake-error.ts";
import { CERTIFICATE_SIZE, signCertificate, verifyCertificate } from "./certificate.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

describe("the signature scheme", () => {
  it.each(bip340.vectors)("is BIP340: vector $index $comment", (vector) => {
    const message = bytes(vector.message);
    const signature = bytes(vector.signature);
    if (vector["secret key"] !== "") {
      const signed = schnorr.sign(message, bytes(vector["secret key"]), bytes(vector.aux_rand));
      expect(hex(signed)).toBe(hex(signature));
    }
    expect(schnorr.verify(signature, message, bytes(vector["public key"]))).toBe(
      vector["verification result"],
    );
  });
});

describe("a certificate", () => {
  it.each(handshakes.transcripts)(
    "is signed as the reference implementation signs it: $name",
    (transcript) => {
      const signed = signCertificate(
        bytes(transcript.authority_secret_hex),
        bytes(transcript.responder_static_xonly_hex),
        transcript.valid_from,
        transcript.not_valid_after,
        () => bytes(transcript.signature_aux_rand_hex),
      );
      expect(signed.length).toBe(CERTIFICATE_SIZE);
      expect(hex(signed)).toBe(transcript.certificate_hex);
    },
  );

  const authority = generateKeypair(systemRandom);
  const server = generateKeypair(systemRandom);
  const certificate = signCertificate(authority.secretKey, server.publicKey, 1_000, 2_000, systemRandom);
  const verify = (now: number, changed = certificate, key = server.publicKey): string => {
    try {
      verifyCertificate(changed, key, authority.publicKey, now);
      return "accepted";
    } catch (error) {
      if (error instanceof HandshakeError) return error.code;
      throw error;
    }
  };

  it("holds from its first second to its last, with ten seconds of leeway", () => {
    expect([989, 990, 2_010, 2_011].map((now) => verify(now))).toEqual([
      "not-yet-valid",
      "accepted",
      "accepted",
      "expired",
    ]);
  });

  it("does not hold for another server key", () => {
    expect(verify(1_500, certificate, generateKeypair(systemRandom).publicKey)).toBe("wrong-authority");
  });

  it.each([2, 5, 6, 9, 10, 73])("does not hold with byte %i changed", (at) => {
    const changed = certificate.slice();
    changed[at]! ^= 1;
    expect(verify(1_500, changed)).toBe("wrong-authority");
  });

  it("is refused in another version or length", () => {
    const changed = certificate.slice();
    changed[0] = 1;
    expect(verify(1_500, changed)).toBe("unsupported-certificate");
    expect(verify(1_500, certificate.subarray(1))).toBe("bad-length");
  });
});
