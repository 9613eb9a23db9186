import { describe, expect, it } from "vitest";
import { DecodeError, parseFrameHeader, writeFrameHeader } from "./index.ts";

describe("frame header", () => {
  it("has the extension type without bit 15, which is channel_msg (SV2 3.2.1)", () => {
    expect(parseFrameHeader(Uint8Array.of(0xbc, 0x8a, 0x1b, 0x39, 0x01, 0x02))).toEqual({
      extensionType: 0x0abc,
      channelMsg: true,
      msgType: 0x1b,
      length: 0x020139,
    });
  });

  it("is written as it is read, at any offset", () => {
    for (const channelMsg of [true, false]) {
      const header = { extensionType: 0x7fff, channelMsg, msgType: 0xff, length: 0xff_ffff };
      const bytes = new Uint8Array(9);
      writeFrameHeader(bytes, header, 3);
      expect(parseFrameHeader(bytes, 3)).toEqual(header);
      expect([...bytes.subarray(0, 3)]).toEqual([0, 0, 0]);
    }
  });

  it("needs six bytes", () => {
    for (let size = 0; size < 6; size++) {
      expect(() => parseFrameHeader(new Uint8Array(size))).toThrow(DecodeError);
    }
    expect(() => parseFrameHeader(new Uint8Array(8), 3)).toThrow(
      expect.objectContaining({ code: "truncated", offset: 3, field: "header" }),
    );
  });
});
