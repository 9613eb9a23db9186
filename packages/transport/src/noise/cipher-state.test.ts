import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CipherState, sealWithNoble, sealWithOpenssl } from "./cipher-state.ts";

const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });

describe("a cipher state", () => {
  it("seals the same bytes with either library, from nothing to more than a handshake has", () => {
    fc.assert(
      fc.property(bytes(32, 32), bytes(12, 12), bytes(0, 64), bytes(0, 300), (key, nonce, ad, plaintext) => {
        const sealed = Buffer.from(sealWithOpenssl(key, nonce, ad, plaintext));
        expect(sealed.equals(sealWithNoble(key, nonce, ad, plaintext))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it("counts what was sealed and what was opened, forgeries excepted", () => {
    const [sender, receiver] = [new CipherState(), new CipherState()];
    const ad = Uint8Array.of(7);
    sender.initializeKey(new Uint8Array(32).fill(1));
    receiver.initializeKey(new Uint8Array(32).fill(1));
    const [first, second] = [0, 0].map(() => sender.encryptWithAd(ad, Uint8Array.of(1, 2, 3)));
    expect(Buffer.from(first!).equals(second!)).toBe(false);
    expect(receiver.decryptWithAd(ad, second!)).toBeNull();
    expect(receiver.decryptWithAd(Uint8Array.of(8), first!)).toBeNull();
    for (const sealed of [first!, second!]) {
      expect([...receiver.decryptWithAd(ad, sealed)!]).toEqual([1, 2, 3]);
    }
  });
});
