import { describe, expect, it } from "vitest";
import vectors from "../../../../test/vectors/noise-sri.json" with { type: "json" };
import { hkdf, SymmetricState } from "./symmetric-state.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

describe("key derivation", () => {
  it.each(vectors.transcripts)("follows every step of $name", (t) => {
    const [ckEe, kEe] = hkdf(bytes(t.protocol_name_hash_ck_hex), bytes(t.ecdh_ee_hex));
    expect([hex(ckEe), hex(kEe)]).toEqual([t.ck_after_ee_hex, t.k_after_ee_hex]);
    const [ckEs, kEs] = hkdf(ckEe, bytes(t.ecdh_es_hex));
    expect([hex(ckEs), hex(kEs)]).toEqual([t.ck_after_es_hex, t.k_after_es_hex]);
    const [k1, k2] = hkdf(ckEs, new Uint8Array(0));
    expect([hex(k1), hex(k2)]).toEqual([t.k1_hex, t.k2_hex]);
  });
});

describe("a symmetric state", () => {
  it("opens nothing that was changed, and seals nothing before it has a key", () => {
    const [a, b] = [new SymmetricState(), new SymmetricState()];
    const plain = Uint8Array.of(1, 2, 3);
    expect(a.encryptAndHash(plain)).toEqual(plain);
    expect(b.decryptAndHash(plain)).toEqual(plain);
    a.mixKey(new Uint8Array(32));
    b.mixKey(new Uint8Array(32));
    const sealed = a.encryptAndHash(plain);
    expect(sealed.length).toBe(plain.length + 16);
    sealed[0]! ^= 1;
    expect(b.decryptAndHash(sealed)).toBeNull();
  });
});
