import { systemRandom } from "@lode/ports";
import { describe, expect, it } from "vitest";
import vectors from "../../../../test/vectors/noise-keys-sri.json" with { type: "json" };
import { KeyError } from "./key-error.ts";
import {
  decodeAuthorityPublicKey,
  decodeAuthoritySecretKey,
  encodeAuthorityPublicKey,
  encodeAuthoritySecretKey,
} from "./key-text.ts";
import { generateKeypair, keypairFromSecret } from "./keypair.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof KeyError) return error.code;
    throw error;
  }
  return "accepted";
}

const refusals: Record<string, string> = {
  "checksum (last character changed)": "bad-checksum",
  "version 12": "bad-version",
  "one byte missing": "bad-length",
  empty: "bad-checksum",
  "character outside the base58 alphabet": "bad-characters",
  "leading space": "bad-characters",
  "hex instead of base58": "bad-characters",
  "version 0": "bad-version",
  "version 1 big-endian": "bad-version",
  "one byte too many": "bad-length",
  "no version prefix": "bad-length",
  "x not on the curve": "not-on-curve",
  "x above the field prime": "not-on-curve",
  zero: "out-of-range",
  "group order": "out-of-range",
  "31 bytes": "bad-length",
  "33 bytes": "bad-length",
  checksum: "bad-checksum",
};

describe("authority keys as text", () => {
  it.each(vectors.pairs)("reads and writes the pair of $public_base58", (pair) => {
    const secretKey = decodeAuthoritySecretKey(pair.secret_base58);
    expect(hex(secretKey)).toBe(pair.secret_hex);
    expect(encodeAuthoritySecretKey(secretKey)).toBe(pair.secret_base58);
    const { publicKey } = keypairFromSecret(secretKey);
    expect(hex(publicKey)).toBe(pair.public_hex);
    expect(encodeAuthorityPublicKey(publicKey)).toBe(pair.public_base58);
    expect(hex(decodeAuthorityPublicKey(pair.public_base58))).toBe(pair.public_hex);
  });

  it.each(vectors.publics)("reads and writes the public key of $origin", ({ public_hex, public_base58 }) => {
    expect(hex(decodeAuthorityPublicKey(public_base58))).toBe(public_hex);
    expect(encodeAuthorityPublicKey(bytes(public_hex))).toBe(public_base58);
  });

  it.each(vectors.invalid_public)("refuses a public key: $case", (vector) => {
    expect(codeOf(() => decodeAuthorityPublicKey(vector.public_base58))).toBe(refusals[vector.case]);
  });

  it.each(vectors.invalid_secret)("refuses a secret key: $case", (vector) => {
    expect(codeOf(() => decodeAuthoritySecretKey(vector.secret_base58))).toBe(refusals[vector.case]);
  });

  it("reads a secret key out of what `lode keys generate` prints", () => {
    const [pair] = vectors.pairs;
    const printed = `authority_public_key = "${pair!.public_base58}"\nauthority_secret_key = "${pair!.secret_base58}"\n`;
    expect(hex(decodeAuthoritySecretKey(printed))).toBe(pair!.secret_hex);
  });

  it("says when the other half of a pair was given", () => {
    const [pair] = vectors.pairs;
    expect(() => decodeAuthoritySecretKey(pair!.public_base58)).toThrow("a public key, not a secret one");
    expect(() => decodeAuthorityPublicKey(pair!.secret_base58)).toThrow("a secret key, not a public one");
  });

  it("refuses endless text without decoding it", () => {
    expect(codeOf(() => decodeAuthorityPublicKey("9".repeat(100_000)))).toBe("bad-length");
  });

  it("refuses to write what it would not read", () => {
    expect(codeOf(() => encodeAuthorityPublicKey(new Uint8Array(32)))).toBe("not-on-curve");
    expect(codeOf(() => encodeAuthorityPublicKey(new Uint8Array(31)))).toBe("bad-length");
    expect(codeOf(() => encodeAuthoritySecretKey(new Uint8Array(32)))).toBe("out-of-range");
  });

  it("never puts key bytes into an error", () => {
    const { secretKey } = generateKeypair(systemRandom);
    const text = encodeAuthoritySecretKey(secretKey);
    const broken = `${text.slice(0, -1)}${text.endsWith("1") ? "2" : "1"}`;
    try {
      decodeAuthoritySecretKey(broken);
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify(error)).not.toContain(broken.slice(0, 8));
      expect(String(error)).not.toContain(broken.slice(0, 8));
    }
  });
});

describe("key generation", () => {
  it("draws again until the draw is a key", () => {
    const draws = [new Uint8Array(32), new Uint8Array(32).fill(0xff), new Uint8Array(32).fill(1)];
    expect(hex(generateKeypair(() => draws.shift()!).secretKey)).toBe("01".repeat(32));
  });
});
