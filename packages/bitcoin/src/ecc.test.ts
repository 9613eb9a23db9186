import { networks, payments } from "bitcoinjs-lib";
import { describe, expect, it } from "vitest";
import { ecc, installEcc } from "./ecc.ts";

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");

describe("the curve adapter", () => {
  it("passes bitcoinjs-lib's own vectors and builds taproot outputs with it", () => {
    expect(() => installEcc()).not.toThrow();
    const key = bytes("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    const tweaked = payments.p2tr({ internalPubkey: key, network: networks.bitcoin });
    expect(tweaked.address).toBe("bc1pmfr3p9j00pfxjh0zmgp99y8zftmd3s5pmedqhyptwy6lm87hf5sspknck9");
  });

  it("calls nothing else a point", () => {
    expect(ecc.isXOnlyPoint(new Uint8Array(31))).toBe(false);
    expect(ecc.isXOnlyPoint(new Uint8Array(32))).toBe(false);
    expect(ecc.xOnlyPointAddTweak(new Uint8Array(32), new Uint8Array(32))).toBeNull();
  });

  // BIP340, test vectors 0 and 1.
  it.each([
    [
      "0000000000000000000000000000000000000000000000000000000000000003",
      "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0000000000000000000000000000000000000000000000000000000000000000",
      "e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca821525f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0",
    ],
    [
      "b7e151628aed2a6abf7158809cf4f3c762e7160f38b4da56a784d9045190cfef",
      "dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659",
      "0000000000000000000000000000000000000000000000000000000000000001",
      "243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89",
      "6896bd60eeae296db48a229ff71dfe071bde413e6d43f917dc8dcf8c78de33418906d11ac976abccb20b091292bff4ea897efcb639ea871cfa95f6de339e4b0a",
    ],
  ])("signs and checks as BIP340 does, key %s", (secret, publicKey, auxiliary, message, signature) => {
    expect(hex(ecc.publicKey(bytes(secret)).subarray(1))).toBe(publicKey);
    expect(hex(ecc.signSchnorr(bytes(message), bytes(secret), bytes(auxiliary)))).toBe(signature);
    expect(ecc.verifySchnorr(bytes(message), bytes(publicKey), bytes(signature))).toBe(true);
    expect(ecc.verifySchnorr(bytes(message), bytes(publicKey), new Uint8Array(64))).toBe(false);
    expect(ecc.verifySchnorr(bytes(message), new Uint8Array(7), bytes(signature))).toBe(false);
  });

  // BIP143, native P2WPKH: the second input's sighash, key and signature.
  it("checks ECDSA signatures of BIP143, with either half of s, and makes the same ones", () => {
    const digest = bytes("c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670");
    const secret = bytes("619c335025c7f4012e556c2a58b2506e30b8511b53ade95ea316fd8c3286feb9");
    const publicKey = bytes("025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357");
    const signature = bytes(
      "3609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee",
    );
    expect(ecc.publicKey(secret)).toEqual(publicKey);
    expect(hex(ecc.sign(digest, secret))).toBe(hex(signature));
    expect(ecc.verify(digest, publicKey, signature)).toBe(true);
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const s = order - BigInt(`0x${hex(signature.subarray(32))}`);
    const highS = Buffer.concat([signature.subarray(0, 32), bytes(s.toString(16).padStart(64, "0"))]);
    expect(ecc.verify(digest, publicKey, highS)).toBe(true);
    expect(ecc.verify(digest.toReversed(), publicKey, signature)).toBe(false);
    expect(ecc.verify(digest, publicKey, new Uint8Array(64))).toBe(false);
    expect(ecc.verify(digest, new Uint8Array(33), signature)).toBe(false);
  });
});
