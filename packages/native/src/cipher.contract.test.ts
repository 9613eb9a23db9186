import { randomBytes } from "node:crypto";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { describe, expect, it } from "vitest";
import { backends, outcome } from "./backends-under-test.ts";
import { type FrameCipher, MAX_BLOCK_PLAINTEXT, sealedFrameSize, sealedPayloadSize } from "./contract.ts";

const random = (size: number) => new Uint8Array(randomBytes(size));
const key = random(32);
const MAX_COUNTER = 2n ** 64n - 1n;
/** Payload sizes around the borders of the blocks, and of what the addon encrypts in one pass. */
const sizes = [0, 1, 24, 64, 1_023, 1_024, 1_025, 65_518, 65_519, 65_520, 131_037, 131_038, 131_039, 200_000];

/** The frame sealed block by block, with the nonce written out (spec 4.4.1, 4.6). */
function referenceSeal(frame: Uint8Array, counter = 0n): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let from = 0, to = 6; from < frame.length; from = to, to += MAX_BLOCK_PLAINTEXT) {
    const nonce = new Uint8Array(12);
    new DataView(nonce.buffer).setBigUint64(4, counter++, true);
    parts.push(chacha20poly1305(key, nonce).encrypt(frame.subarray(from, to)));
  }
  return new Uint8Array(Buffer.concat(parts));
}

function seal(cipher: FrameCipher, frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(sealedFrameSize(frame.length - 6));
  expect(cipher.sealFrame(frame, out, 0)).toBe(out.length);
  return out;
}

function open(cipher: FrameCipher, sealed: Uint8Array, payloadLength: number): Uint8Array {
  const header = new Uint8Array(6);
  const payload = new Uint8Array(payloadLength);
  expect(cipher.openHeader(sealed, 0, header)).toBe(true);
  expect(cipher.openPayload(sealed, 22, payloadLength, payload)).toBe(true);
  return new Uint8Array(Buffer.concat([header, payload]));
}

describe("sealed sizes", () => {
  it("follow the spec's formula", () => {
    expect(sizes.map(sealedPayloadSize)).toEqual([
      0, 17, 40, 80, 1_039, 1_040, 1_041, 65_534, 65_535, 65_552, 131_069, 131_070, 131_087, 200_064,
    ]);
    expect(sealedFrameSize(0)).toBe(22);
  });
});

for (const { name, native, cipherAt, skipped } of backends) {
  describe.skipIf(skipped)(`a cipher: ${name}`, () => {
    it.each(sizes)("seals and opens a payload of %i bytes as the spec lays it out", (size) => {
      const frame = random(6 + size);
      const sealed = seal(native.createCipher(key), frame);
      expect(Buffer.compare(sealed, referenceSeal(frame))).toBe(0);
      expect(Buffer.compare(open(native.createCipher(key), sealed, size), frame)).toBe(0);
    });

    it("counts every block of every frame", () => {
      const sender = native.createCipher(key);
      const receiver = native.createCipher(key);
      let counter = 0n;
      for (const size of [0, 24, 65_520, 0, 131_039, 1]) {
        const frame = random(6 + size);
        const sealed = seal(sender, frame);
        expect(Buffer.compare(sealed, referenceSeal(frame, counter))).toBe(0);
        expect(Buffer.compare(open(receiver, sealed, size), frame)).toBe(0);
        counter += 1n + BigInt(Math.ceil(size / MAX_BLOCK_PLAINTEXT));
      }
    });

    it.each([2n ** 32n - 2n, 2n ** 40n - 1n, 2n ** 53n, MAX_COUNTER - 8n])(
      "counts on across %d",
      (counter) => {
        const sender = cipherAt(key, counter);
        const receiver = cipherAt(key, counter);
        for (let count = 0n; count < 6n; count += 2n) {
          const frame = random(30);
          const sealed = seal(sender, frame);
          expect(sealed).toEqual(referenceSeal(frame, counter + count));
          expect(open(receiver, sealed, 24)).toEqual(frame);
        }
      },
    );

    it("refuses to wrap, before it has sealed or opened anything", () => {
      const exhausted = { threw: "NativeError", code: "nonce-exhausted" };
      const large = random(6 + 65_520);
      const out = new Uint8Array(sealedFrameSize(65_520));
      const sender = cipherAt(key, MAX_COUNTER - 2n);
      expect(outcome(() => sender.sealFrame(large, out, 0))).toMatchObject(exhausted);
      expect(out.every((byte) => byte === 0)).toBe(true);
      // Two nonces are left, for a header and one block; the last of all is never used (Noise 5.1).
      const small = random(30);
      const sealed = seal(sender, small);
      expect(outcome(() => sender.sealFrame(small.subarray(0, 6), out, 0))).toMatchObject(exhausted);

      const receiver = cipherAt(key, MAX_COUNTER - 2n);
      const payload = new Uint8Array(131_039);
      const threeBlocks = new Uint8Array(sealedPayloadSize(payload.length));
      expect(outcome(() => receiver.openPayload(threeBlocks, 0, payload.length, payload))).toMatchObject(
        exhausted,
      );
      expect(open(receiver, sealed, 24)).toEqual(small);
      expect(outcome(() => receiver.openHeader(sealed, 0, new Uint8Array(6)))).toMatchObject(exhausted);
      expect(outcome(() => receiver.openPayload(sealed, 22, 24, payload))).toMatchObject(exhausted);
      expect(receiver.openPayload(sealed, 22, 0, payload)).toBe(true);
    });

    it("does not advance over a forged header, and leaves the output alone", () => {
      const frame = random(6);
      const sealed = seal(native.createCipher(key), frame);
      const receiver = native.createCipher(key);
      for (let index = 0; index < 22; index++) {
        const forged = sealed.slice();
        forged[index]! ^= 1;
        const header = new Uint8Array(6).fill(9);
        expect(receiver.openHeader(forged, 0, header)).toBe(false);
        expect(header).toEqual(new Uint8Array(6).fill(9));
      }
      expect(open(receiver, sealed, 0)).toEqual(frame);
    });

    it.each([0, 65_534, 65_535, 131_069, 131_070, 131_102])(
      "keeps nothing of a payload forged at byte %i, and can open the genuine one after it",
      (at) => {
        const size = 2 * MAX_BLOCK_PLAINTEXT + 17;
        const frame = random(6 + size);
        const sealed = seal(native.createCipher(key), frame);
        const receiver = native.createCipher(key);
        expect(receiver.openHeader(sealed, 0, new Uint8Array(6))).toBe(true);
        const forged = sealed.slice();
        forged[22 + at]! ^= 0x80;
        const out = new Uint8Array(size + 5).fill(9);
        expect(receiver.openPayload(forged, 22, size, out)).toBe(false);
        expect(out.subarray(0, size).every((byte) => byte === 0)).toBe(true);
        expect(out.subarray(size)).toEqual(new Uint8Array(5).fill(9));
        expect(receiver.openPayload(sealed, 22, size, out)).toBe(true);
        expect(Buffer.compare(out.subarray(0, size), frame.subarray(6))).toBe(0);
      },
    );

    it("opens nothing twice, out of order or under another key", () => {
      const sender = native.createCipher(key);
      const first = seal(sender, random(6));
      const second = seal(sender, random(6));
      const header = new Uint8Array(6);
      expect(native.createCipher(random(32)).openHeader(first, 0, header)).toBe(false);
      const receiver = native.createCipher(key);
      expect(receiver.openHeader(second, 0, header)).toBe(false);
      expect(receiver.openHeader(first, 0, header)).toBe(true);
      expect(receiver.openHeader(first, 0, header)).toBe(false);
      expect(receiver.openHeader(second, 0, header)).toBe(true);
    });

    it("writes only where it is told to", () => {
      const frame = random(6 + 100);
      const out = new Uint8Array(300).fill(7);
      expect(native.createCipher(key).sealFrame(frame, out, 33)).toBe(138);
      expect(out.subarray(0, 33).every((byte) => byte === 7)).toBe(true);
      expect(out.subarray(33 + 138).every((byte) => byte === 7)).toBe(true);
      expect(out.slice(33, 33 + 138)).toEqual(referenceSeal(frame));
    });

    it("reads frames anywhere in a larger buffer", () => {
      const memory = new ArrayBuffer(1000);
      const frame = random(30);
      const sealed = new Uint8Array(memory, 13, 500);
      native.createCipher(key).sealFrame(frame, sealed, 101);
      const header = new Uint8Array(memory, 701, 6);
      const payload = new Uint8Array(memory, 711, 24);
      const receiver = native.createCipher(key);
      expect(receiver.openHeader(sealed, 101, header)).toBe(true);
      expect(receiver.openPayload(sealed, 123, 24, payload)).toBe(true);
      expect(Buffer.concat([header, payload])).toEqual(Buffer.from(frame));
    });

    it("refuses output that overlaps its input", () => {
      const overlaps = { threw: "NativeError", code: "invalid-argument" };
      const memory = new Uint8Array(200);
      const cipher = native.createCipher(key);
      expect(outcome(() => cipher.sealFrame(memory.subarray(0, 30), memory, 29))).toMatchObject(overlaps);
      expect(outcome(() => cipher.sealFrame(memory.subarray(89, 97), memory, 50))).toMatchObject(overlaps);
      expect(outcome(() => cipher.openHeader(memory, 10, memory.subarray(31, 37)))).toMatchObject(overlaps);
      expect(outcome(() => cipher.openPayload(memory, 10, 4, memory.subarray(7)))).toMatchObject(overlaps);
      // Touching is not overlapping.
      expect(cipher.sealFrame(memory.subarray(0, 30), memory, 30)).toBe(62);
      expect(native.createCipher(key).openHeader(memory, 30, memory.subarray(52, 58))).toBe(true);
      expect(native.createCipher(key).openHeader(memory, 30, memory.subarray(24, 30))).toBe(true);
      expect(cipher.openPayload(memory, 30, 0, memory)).toBe(true);
    });

    it("copies the key", () => {
      const given = Buffer.from(key);
      const cipher = native.createCipher(given);
      given.fill(0);
      const frame = random(6);
      expect(seal(cipher, frame)).toEqual(referenceSeal(frame));
    });

    it("answers nothing once it is freed", () => {
      const cipher = native.createCipher(key);
      cipher.free();
      cipher.free();
      const freed = { threw: "NativeError", code: "freed-handle" };
      const memory = new Uint8Array(100);
      expect(outcome(() => cipher.sealFrame(random(6), memory, 0))).toMatchObject(freed);
      expect(outcome(() => cipher.openHeader(memory, 0, new Uint8Array(6)))).toMatchObject(freed);
      expect(outcome(() => cipher.openPayload(memory, 0, 1, new Uint8Array(1)))).toMatchObject(freed);
    });

    it("offers no way to set or read the counter", () => {
      const cipher = native.createCipher(key);
      const surface = Object.getOwnPropertyNames(Object.getPrototypeOf(cipher)).sort();
      expect(surface).toEqual(["constructor", "free", "openHeader", "openPayload", "sealFrame"]);
      expect(Object.keys(cipher)).toEqual([]);
      const offered = ["backend", "createCipher", "createJob", "elligatorSwift", "sendNow", "sha256d"];
      expect(Object.keys(native).sort()).toEqual(offered);
    });
  });
}
