import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bytesToTarget,
  DIFF1_TARGET,
  DIFF1_WORK,
  decodeCompactTarget,
  maxTarget,
  nbitsFromTarget,
  TargetError,
  targetFromNbits,
  targetToBytes,
} from "./targets.ts";
import compactTargets from "./vectors/compact-targets.json" with { type: "json" };

const u256 = fc.bigInt({ min: 0n, max: maxTarget });

describe("compact targets", () => {
  it.each(compactTargets.cases)("$nbits is read as Bitcoin Core reads it", (vector) => {
    const compact = decodeCompactTarget(Number.parseInt(vector.nbits, 16));
    expect(compact.negative).toBe(vector.negative);
    expect(compact.overflow).toBe(vector.overflow);
    if (vector.value !== null) expect(compact.value).toBe(BigInt(`0x${vector.value}`));
    if (vector.compact !== null && !vector.negative) {
      expect(nbitsFromTarget(compact.value)).toBe(Number.parseInt(vector.compact, 16));
    }
  });

  it("never writes the sign bit", () => {
    expect(nbitsFromTarget(0x80n)).toBe(0x02008000);
    expect(nbitsFromTarget(0x800000n)).toBe(0x04008000);
    expect(nbitsFromTarget(maxTarget)).toBe(0x2100ffff);
  });

  it("refuses what no header can meet", () => {
    const code = (nbits: number) => {
      try {
        targetFromNbits(nbits);
        return undefined;
      } catch (error) {
        return (error as TargetError).code;
      }
    };
    expect(code(0x01fedcba)).toBe("negative-nbits");
    expect(code(0x04923456)).toBe("negative-nbits");
    expect(code(0xff123456)).toBe("overflowing-nbits");
    expect(code(0x23000001)).toBe("overflowing-nbits");
    expect(code(0x22000001)).toBeUndefined();
    expect(code(0x22000100)).toBe("overflowing-nbits");
    expect(code(0x21010000)).toBe("overflowing-nbits");
    expect(code(0)).toBe("zero-nbits");
    expect(code(0x04800000)).toBe("zero-nbits");
  });

  it("knows difficulty 1 and regtest", () => {
    expect(targetFromNbits(0x1d00ffff)).toBe(DIFF1_TARGET);
    expect(targetFromNbits(0x207fffff)).toBe(0x7fffffn << 232n);
    expect((1n << 256n) / (DIFF1_TARGET + 1n)).toBe(DIFF1_WORK);
  });

  it("rounds a target down by less than one part in 2^15, and keeps what it wrote", () => {
    fc.assert(
      fc.property(u256, (target) => {
        fc.pre(target > 0n);
        const nbits = nbitsFromTarget(target);
        const read = targetFromNbits(nbits);
        expect(read <= target).toBe(true);
        expect((target - read) << 15n <= target).toBe(true);
        expect(nbitsFromTarget(read)).toBe(nbits);
      }),
    );
  });
});

describe("target bytes", () => {
  it("are little-endian", () => {
    const bytes = targetToBytes(0x0102n);
    expect([...bytes.subarray(0, 3)]).toEqual([2, 1, 0]);
    expect(bytesToTarget(bytes)).toBe(0x0102n);
  });

  it("come back as they were, from inside a larger buffer too", () => {
    fc.assert(
      fc.property(u256, (target) => {
        const padded = new Uint8Array(35);
        padded.set(targetToBytes(target), 3);
        expect(bytesToTarget(padded.subarray(3))).toBe(target);
      }),
    );
  });

  it("refuse other lengths and values outside of 256 bits", () => {
    expect(() => bytesToTarget(new Uint8Array(31))).toThrow(TargetError);
    expect(() => targetToBytes(maxTarget + 1n)).toThrow(TargetError);
    expect(() => targetToBytes(-1n)).toThrow(TargetError);
    expect(() => nbitsFromTarget(-1n)).toThrow(TargetError);
  });
});
