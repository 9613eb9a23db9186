import { createHash } from "node:crypto";
import { type FrameCipher, native } from "@lode/native";
import { systemRandom } from "@lode/ports";
import { HEADER_SIZE } from "@lode/protocol";
import { describe, expect, it } from "vitest";
import vectors from "../../../../test/vectors/noise-sri.json" with { type: "json" };
import { FrameOpener } from "../connection/frame-opener.ts";
import { loadLibsecp256k1 } from "../curve/libsecp256k1-curve.ts";
import { nobleCurve } from "../curve/noble-curve.ts";
import { verifyCertificate } from "../identity/certificate.ts";
import { generateHandshakeKey, type HandshakeKey } from "../keys/keypair.ts";
import { HandshakeError } from "./handshake-error.ts";
import { Initiator } from "./initiator.ts";
import { respond } from "./responder.ts";

const curves = [nobleCurve, loadLibsecp256k1()].filter((curve) => curve !== undefined);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

type Transcript = (typeof vectors.transcripts)[number];
type Check = Transcript["initiator_checks"][number];

const key = (secret: string, encoded: string): HandshakeKey => ({
  secretKey: bytes(secret),
  encoded: bytes(encoded),
});
const initiatorKey = (t: Transcript): HandshakeKey =>
  key(t.initiator_ephemeral_secret_hex, t.initiator_ephemeral_ellswift_hex);
const responderKey = (t: Transcript): HandshakeKey =>
  key(t.responder_ephemeral_secret_hex, t.responder_ephemeral_ellswift_hex);
const staticKey = (t: Transcript): HandshakeKey =>
  key(t.responder_static_secret_hex, t.responder_static_ellswift_hex);

describe.each(curves)("handshakes of the reference implementation, over $backend", (curve) => {
  it.each(vectors.transcripts)("are repeated byte for byte by the responder: $name", (t) => {
    const result = respond(curve, bytes(t.act1_hex), responderKey(t), staticKey(t), bytes(t.certificate_hex));
    expect(hex(result.act2)).toBe(t.act2_hex);
    expect(hex(result.receiveKey)).toBe(t.k1_hex);
    expect(hex(result.sendKey)).toBe(t.k2_hex);
  });

  it.each(vectors.transcripts)("are repeated byte for byte by the initiator: $name", (t) => {
    const initiator = new Initiator(curve, initiatorKey(t));
    expect(hex(initiator.act1)).toBe(t.act1_hex);
    const result = initiator.readAct2(bytes(t.act2_hex));
    expect(hex(result.sendKey)).toBe(t.k1_hex);
    expect(hex(result.receiveKey)).toBe(t.k2_hex);
    expect(hex(result.serverKey)).toBe(t.responder_static_xonly_hex);
    expect(hex(result.certificate)).toBe(t.certificate_hex);
  });
});

/** Our initiator's verdict on the transcript's act 2, with the check's clock, key and damage. */
function judge(t: Transcript, check: Check): string {
  const act2 = bytes(t.act2_hex);
  if ("act2_flip_lowest_bit_of_byte" in check) act2[check.act2_flip_lowest_bit_of_byte as number]! ^= 1;
  try {
    const { certificate, serverKey } = new Initiator(curves.at(-1)!, initiatorKey(t)).readAct2(act2);
    if (check.authority_public_hex === null) return "accepted";
    verifyCertificate(certificate, serverKey, bytes(check.authority_public_hex), check.now);
    return "accepted";
  } catch (error) {
    if (error instanceof HandshakeError) return error.code;
    throw error;
  }
}

describe("the initiator's verdict", () => {
  const cases = vectors.transcripts.flatMap((t) => t.initiator_checks.map((check) => ({ t, check })));

  it.each(cases)("is the reference implementation's: $t.name, $check.case", ({ t, check }) => {
    const verdict = judge(t, check);
    expect(verdict === "accepted").toBe(check.accepted);
    if (check.reference_error === "Aead") expect(verdict).toBe("forged");
    if (check.case === "other authority key") expect(verdict).toBe("wrong-authority");
    if (check.case === "11 s early") expect(verdict).toBe("not-yet-valid");
    if (check.case === "11 s late") expect(verdict).toBe("expired");
  });
});

/** The plaintext of a transport vector: given outright, or a header and a pattern. */
function plaintextOf(frame: Transcript["transport"][number]): Uint8Array {
  if (frame.frame_hex !== undefined) return bytes(frame.frame_hex);
  const { pattern_start, pattern_len } = frame.payload!;
  const plaintext = new Uint8Array(HEADER_SIZE + pattern_len);
  plaintext.set(bytes(frame.header_hex!));
  for (let i = 0; i < pattern_len; i++) plaintext[HEADER_SIZE + i] = (pattern_start + 7 * i) & 0xff;
  return plaintext;
}

describe("frames of the reference implementation", () => {
  it.each(vectors.transcripts)("are sealed and opened byte for byte: $name", (t) => {
    const ciphers = new Map<string, { sealer: FrameCipher; reader: FrameOpener }>();
    for (const [from, k] of Object.entries({ initiator: t.k1_hex, responder: t.k2_hex })) {
      ciphers.set(from, {
        sealer: native.createCipher(bytes(k)),
        reader: new FrameOpener(native.createCipher(bytes(k)), () => 0xff_ffff),
      });
    }
    for (const frame of t.transport) {
      const { sealer, reader } = ciphers.get(frame.from)!;
      const plaintext = plaintextOf(frame);
      const size = frame.block_sizes.reduce((sum, block) => sum + block, 0);
      const sealed = new Uint8Array(size);
      expect(sealer.sealFrame(plaintext, sealed, 0)).toBe(size);
      if (frame.ciphertext_hex !== undefined) expect(hex(sealed)).toBe(frame.ciphertext_hex);
      else expect(sha256(sealed)).toBe(frame.ciphertext_sha256);

      const opened: string[] = [];
      const fault = reader.push(sealed, {
        deliver: (header, payload) => {
          opened.push(sha256(Buffer.concat([plaintext.subarray(0, HEADER_SIZE), payload])));
          expect(header.length).toBe(payload.length);
          return true;
        },
      });
      expect(fault).toBeNull();
      expect(opened).toEqual([sha256(plaintext)]);
    }
  });
});

describe("a handshake", () => {
  const curve = curves.at(-1)!;
  const e = (): HandshakeKey => generateHandshakeKey(curve, systemRandom);

  it("refuses messages of another length", () => {
    expect(() => respond(curve, new Uint8Array(63), e(), e(), new Uint8Array(74))).toThrow("bad-length");
    expect(() => new Initiator(curve, e()).readAct2(new Uint8Array(170))).toThrow("bad-length");
  });

  it("wipes the ephemeral secrets it used", () => {
    const [ours, theirs] = [e(), e()];
    const initiator = new Initiator(curve, ours);
    const { act2 } = respond(curve, initiator.act1, theirs, e(), new Uint8Array(74));
    initiator.readAct2(act2);
    expect(hex(ours.secretKey)).toBe("00".repeat(32));
    expect(hex(theirs.secretKey)).toBe("00".repeat(32));
  });
});
