import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tlvsArbitrary } from "./arbitraries.ts";
import {
  DecodeError,
  decodePayload,
  decodeTlvs,
  decodeUserIdentity,
  EncodeError,
  encodeTlvs,
  encodeUserIdentity,
  mining,
} from "./index.ts";

const worker = [..."Worker_001"].map((character) => character.charCodeAt(0));
/** The example of SV2 3.4.3, in the spec's big-endian. */
const big = Uint8Array.of(0x00, 0x02, 0x01, 0x00, 0x0a, ...worker);
const little = Uint8Array.of(0x02, 0x00, 0x01, 0x0a, 0x00, ...worker);
const parsed = [{ extensionType: 2, fieldType: 1, value: Uint8Array.from(worker) }];

describe("TLV fields", () => {
  it("are read in both byte orders", () => {
    expect(decodeTlvs(little)).toEqual(parsed);
    expect(decodeTlvs(big)).toEqual(parsed);
  });

  it("are written little-endian, ordered by extension type", () => {
    expect(encodeTlvs(parsed)).toEqual(little);
    const a = { extensionType: 9, fieldType: 2, value: Uint8Array.of(1) };
    const b = { extensionType: 9, fieldType: 1, value: Uint8Array.of(2) };
    expect(decodeTlvs(encodeTlvs([a, b, ...parsed]), { expected: [9] })).toEqual([...parsed, a, b]);
  });

  it("without a value parse both ways: the expected extension decides", () => {
    expect(decodeTlvs(Uint8Array.of(0, 2, 1, 0, 0))).toMatchObject([{ extensionType: 2 }]);
    expect(decodeTlvs(Uint8Array.of(2, 0, 1, 0, 0))).toMatchObject([{ extensionType: 2 }]);
    const odd = Uint8Array.of(0x34, 0x12, 1, 0, 0);
    expect(decodeTlvs(odd)).toMatchObject([{ extensionType: 0x1234 }]);
    expect(decodeTlvs(odd, { expected: [0x3412] })).toMatchObject([{ extensionType: 0x3412 }]);
  });

  it("may be none", () => {
    expect(decodeTlvs(new Uint8Array(0))).toEqual([]);
    expect(encodeTlvs([])).toEqual(new Uint8Array(0));
  });

  it("must fill the region exactly", () => {
    for (const bytes of [little, big]) {
      for (let size = 1; size < bytes.length; size++) {
        expect(() => decodeTlvs(bytes.subarray(0, size))).toThrow(DecodeError);
      }
    }
    expect(() => decodeTlvs(little.subarray(0, 12))).toThrow(
      expect.objectContaining({
        type: { code: "truncated", offset: 0, field: "tlv", needed: 15, available: 12 },
      }),
    );
    const second = Uint8Array.of(...big, 0, 2, 2, 0, 9);
    expect(() => decodeTlvs(second)).toThrow(expect.objectContaining({ offset: 15 }));
  });

  it("are limited in number", () => {
    expect(decodeTlvs(new Uint8Array(5 * 64))).toHaveLength(64);
    expect(() => decodeTlvs(new Uint8Array(5 * 65))).toThrow(expect.objectContaining({ code: "too-long" }));
  });

  it("are checked when written", () => {
    const value = new Uint8Array(0);
    for (const extensionType of [-1, 0x1_0000, 0.5]) {
      expect(() => encodeTlvs([{ extensionType, fieldType: 0, value }])).toThrow(EncodeError);
    }
    expect(() => encodeTlvs([{ extensionType: 1, fieldType: 256, value }])).toThrow(EncodeError);
    const long = new Uint8Array(0x1_0000);
    expect(() => encodeTlvs([{ extensionType: 1, fieldType: 1, value: long }])).toThrow(EncodeError);
  });

  it("are read as written whatever they are, when their extension is expected", () => {
    fc.assert(
      fc.property(tlvsArbitrary, (tlvs) => {
        const expected = tlvs.map((tlv) => tlv.extensionType);
        expect(decodeTlvs(encodeTlvs(tlvs), { expected })).toEqual(tlvs);
      }),
    );
  });

  it("are never anything but a list or a DecodeError, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          const tlvs = decodeTlvs(bytes);
          const size = tlvs.reduce((sum, tlv) => sum + 5 + tlv.value.length, 0);
          expect(size).toBe(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
    );
  });
});

interface TlvVector {
  variant: string;
  user_identity: string;
  tlv_hex: string;
  payload_hex: string;
}

describe("user_identity of extension 0x0002", () => {
  const url = new URL("../../../test/vectors/messages-tlv-sri.json", import.meta.url);
  const { vectors } = JSON.parse(readFileSync(url, "utf8")) as { vectors: TlvVector[] };

  it.each(vectors)("is the reference implementation's, both ways ($variant)", (vector) => {
    expect(Buffer.from(encodeUserIdentity(vector.user_identity)).toString("hex")).toBe(vector.tlv_hex);
    const { tlvs } = decodePayload(mining.SubmitSharesExtended, Buffer.from(vector.payload_hex, "hex"));
    expect(decodeUserIdentity(tlvs)).toBe(vector.user_identity);
  });

  it("is undefined when it is not there, other TLVs notwithstanding", () => {
    expect(decodeUserIdentity(new Uint8Array(0))).toBeUndefined();
    const other = { extensionType: 0x4000, fieldType: 1, value: Uint8Array.of(1) };
    expect(decodeUserIdentity(encodeTlvs([other]))).toBeUndefined();
    expect(decodeUserIdentity(encodeTlvs([{ ...other, extensionType: 2, fieldType: 9 }]))).toBeUndefined();
    expect(decodeUserIdentity(encodeTlvs([other, ...parsed]))).toBe("Worker_001");
    expect(decodeUserIdentity(big)).toBe("Worker_001");
  });

  it("has at most 32 bytes, in both directions", () => {
    expect(() => encodeUserIdentity("é".repeat(17))).toThrow(expect.objectContaining({ code: "too-long" }));
    const long = encodeTlvs([{ extensionType: 2, fieldType: 1, value: new Uint8Array(33) }]);
    expect(() => decodeUserIdentity(long)).toThrow(
      expect.objectContaining({ code: "too-long", offset: 5, field: "user_identity" }),
    );
  });
});
