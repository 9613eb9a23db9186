import { native, sealedFrameSize } from "@lode/native";
import { type FrameHeader, HEADER_SIZE, writeFrameHeader } from "@lode/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameOpener } from "./frame-opener.ts";
import { UNKNOWN_MESSAGE_MAX_LENGTH } from "./limits.ts";

const KEY = new Uint8Array(32).fill(7);
const BIG = 0x71;

function frame(msgType: number, length: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE + length).fill(msgType);
  writeFrameHeader(bytes, { extensionType: 0, channelMsg: false, msgType, length });
  return bytes;
}

/** The stream a peer would send. */
function seal(frames: readonly Uint8Array[]): Uint8Array {
  const cipher = native.createCipher(KEY);
  const sizes = frames.map(({ length }) => sealedFrameSize(length - HEADER_SIZE));
  const stream = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  for (const bytes of frames) at += cipher.sealFrame(bytes, stream, at);
  return stream;
}

/** A reader that notes what it is given. Type BIG may have any length, type 1 ten bytes, others are unknown. */
function reading(accept: (header: FrameHeader) => boolean = () => true) {
  const reader = new FrameOpener(native.createCipher(KEY), (_, msgType) => {
    if (msgType === BIG) return 0xff_ffff;
    return msgType === 1 ? 10 : undefined;
  });
  const seen: string[] = [];
  const deliver = (header: FrameHeader, payload: Uint8Array): boolean => {
    expect(payload.every((byte) => byte === header.msgType)).toBe(true);
    seen.push(`${header.msgType}:${payload.length}`);
    return accept(header);
  };
  return { reader, seen, push: (chunk: Uint8Array) => reader.push(chunk, { deliver }) };
}

describe("a frame reader", () => {
  it("gives the same frames however the stream is cut", () => {
    const lengths = fc.array(fc.oneof(fc.nat(80), fc.constantFrom(65_518, 65_519, 65_520)), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(
        lengths,
        fc.array(fc.integer({ min: 1, max: 70_000 }), { maxLength: 30 }),
        (sizes, cuts) => {
          const stream = seal(sizes.map((length) => frame(BIG, length)));
          const { push, seen, reader } = reading();
          let at = 0;
          for (const cut of [...cuts, stream.length]) {
            expect(push(stream.subarray(at, at + cut))).toBeNull();
            at = Math.min(stream.length, at + cut);
          }
          expect(seen).toEqual(sizes.map((length) => `${BIG}:${length}`));
          expect(reader.midFrame).toBe(false);
          expect(reader.frames).toBe(sizes.length);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("takes a stream byte by byte", () => {
    const { push, seen } = reading();
    for (const byte of seal([frame(2, 0), frame(3, 1), frame(1, 10)])) {
      expect(push(Uint8Array.of(byte))).toBeNull();
    }
    expect(seen).toEqual(["2:0", "3:1", "1:10"]);
  });

  it("opens payloads larger than the shared buffer", () => {
    const { push, seen } = reading();
    expect(push(seal([frame(BIG, 200_000), frame(2, 5)]))).toBeNull();
    expect(seen).toEqual([`${BIG}:200000`, "2:5"]);
  });

  it("refuses a declared length above the cap before any of the payload has come", () => {
    const { push, seen } = reading();
    expect(push(seal([frame(1, 11)]).subarray(0, 22))).toBe("frame-too-long");
    expect(seen).toEqual([]);
  });

  it("allows unknown messages up to 64 kB", () => {
    expect(reading().push(seal([frame(9, UNKNOWN_MESSAGE_MAX_LENGTH)]))).toBeNull();
    expect(reading().push(seal([frame(9, UNKNOWN_MESSAGE_MAX_LENGTH + 1)]))).toBe("frame-too-long");
  });

  it.each([
    [0, "forged-header"],
    [21, "forged-header"],
    [22, "forged-payload"],
    [47, "forged-payload"],
  ])("stops at a forgery in byte %i", (at, fault) => {
    const { push, seen } = reading();
    const stream = seal([frame(2, 10), frame(3, 10)]);
    stream[48 + at]! ^= 1;
    expect(push(stream)).toBe(fault);
    expect(seen).toEqual(["2:10"]);
  });

  it("delivers nothing more once the sink refuses", () => {
    const { push, seen } = reading(({ msgType }) => msgType !== 3);
    expect(push(seal([frame(2, 1), frame(3, 1), frame(4, 1)]))).toBeNull();
    expect(seen).toEqual(["2:1", "3:1"]);
  });

  it("does not lose a payload to another reader used inside the call", () => {
    const inner = reading();
    const outer = reading();
    const kept: number[] = [];
    const fault = outer.reader.push(seal([frame(2, 100)]), {
      deliver: (_, payload) => {
        inner.push(seal([frame(5, 100)]));
        kept.push(...payload);
        return true;
      },
    });
    expect(fault).toBeNull();
    expect(kept).toEqual(Array(100).fill(2));
  });

  it("knows when it is inside a frame", () => {
    const { push, reader } = reading();
    const stream = seal([frame(2, 4)]);
    push(stream.subarray(0, 1));
    expect(reader.midFrame).toBe(true);
    push(stream.subarray(1, 22));
    expect(reader.midFrame).toBe(true);
    push(stream.subarray(22));
    expect(reader.midFrame).toBe(false);
  });
});
