import { systemRandom } from "@lode/ports";
import { describe, expect, it } from "vitest";
import vectors from "../../../../test/vectors/bip324-ecdh.json" with { type: "json" };
import { generateHandshakeKey, generateKeypair } from "../keys/keypair.ts";
import { ecdh } from "../noise/ecdh.ts";
import { decodeElligatorSwift } from "./elligator-swift.ts";
import { loadLibsecp256k1 } from "./libsecp256k1-curve.ts";
import { loadCurve } from "./load-curve.ts";
import { nobleCurve } from "./noble-curve.ts";

const libsecp256k1 = loadLibsecp256k1();
const curves = [nobleCurve, libsecp256k1].filter((curve) => curve !== undefined);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

describe.each(curves)("$backend", (curve) => {
  it.each(vectors.vectors)("agrees with BIP324 on the keys of packet vector $in_idx", (vector) => {
    const secretKey = bytes(vector.in_priv_ours);
    const ours = bytes(vector.in_ellswift_ours);
    const theirs = bytes(vector.in_ellswift_theirs);
    expect(hex(curve.publicX(secretKey))).toBe(vector.mid_x_ours);
    expect(hex(decodeElligatorSwift(curve, ours))).toBe(vector.mid_x_ours);
    const theirX = decodeElligatorSwift(curve, theirs);
    expect(hex(theirX)).toBe(vector.mid_x_theirs);
    expect(hex(curve.sharedX(secretKey, theirX))).toBe(vector.mid_x_shared);
    const [initiator, responder] = vector.in_initiating ? [ours, theirs] : [theirs, ours];
    expect(hex(ecdh(curve, secretKey, theirX, initiator, responder))).toBe(vector.mid_shared_secret);
  });

  it("gives both sides the same secret", () => {
    const a = generateHandshakeKey(curve, systemRandom);
    const b = generateHandshakeKey(curve, systemRandom);
    const fromA = ecdh(curve, a.secretKey, decodeElligatorSwift(curve, b.encoded), a.encoded, b.encoded);
    const fromB = ecdh(curve, b.secretKey, decodeElligatorSwift(curve, a.encoded), a.encoded, b.encoded);
    expect(hex(fromA)).toBe(hex(fromB));
  });

  it("tells x coordinates of points from others", () => {
    const { publicKey } = generateKeypair(systemRandom);
    expect(curve.hasX(publicKey)).toBe(true);
    expect(curve.hasX(new Uint8Array(32))).toBe(false); // 7 is no square
    expect(curve.hasX(new Uint8Array(32).fill(0, 0, 31).fill(5, 31))).toBe(false); // nor is 132
  });
});

it.skipIf(libsecp256k1 === undefined)("gives the same bytes from both libraries", () => {
  for (let i = 0; i < 10; i++) {
    const { secretKey } = generateKeypair(systemRandom);
    const { publicKey } = generateKeypair(systemRandom);
    expect(hex(libsecp256k1!.publicX(secretKey))).toBe(hex(nobleCurve.publicX(secretKey)));
    expect(hex(libsecp256k1!.sharedX(secretKey, publicKey))).toBe(
      hex(nobleCurve.sharedX(secretKey, publicKey)),
    );
  }
});

it("takes noble when it is asked for", () => {
  expect(loadCurve("noble").backend).toBe("noble");
});
