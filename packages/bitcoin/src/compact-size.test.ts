import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CompactSizeError, encodeCompactSize, readCompactSize } from "./compact-size.ts";

describe("CompactSize", () => {
  it.each([
    [0, "00"],
    [252, "fc"],
    [253, "fdfd00"],
    [65_535, "fdffff"],
    [65_536, "fe00000100"],
    [4_294_967_295, "feffffffff"],
    [4_294_967_296, "ff0000000001000000"],
  ])("writes %i as %s and reads it back", (value, expected) => {
    expect(Buffer.from(encodeCompactSize(value)).toString("hex")).toBe(expected);
    expect(readCompactSize(encodeCompactSize(value))).toEqual({ value, next: expected.length / 2 });
  });

  it("refuses longer forms than needed, missing bytes and huge values", () => {
    const code = (hex: string) => {
      try {
        readCompactSize(Buffer.from(hex, "hex"));
        return undefined;
      } catch (error) {
        return (error as CompactSizeError).code;
      }
    };
    expect(code("fdfc00")).toBe("non-canonical-compact-size");
    expect(code("feffff0000")).toBe("non-canonical-compact-size");
    expect(code("ffffffffff00000000")).toBe("non-canonical-compact-size");
    expect(code("")).toBe("truncated-compact-size");
    expect(code("fd00")).toBe("truncated-compact-size");
    expect(code("ffffffffffffffffff")).toBe("invalid-compact-size");
    expect(() => encodeCompactSize(-1)).toThrow(CompactSizeError);
  });

  it("reads at any offset what it wrote", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(8), (value, offset) => {
        const written = encodeCompactSize(value);
        const data = new Uint8Array(offset + written.length);
        data.set(written, offset);
        expect(readCompactSize(data, offset)).toEqual({ value, next: data.length });
      }),
    );
  });
});
