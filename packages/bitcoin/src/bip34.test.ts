import { script } from "bitcoinjs-lib";
import { describe, expect, it } from "vitest";
import { bip34Push, HeightError, heightFromBip34 } from "./bip34.ts";

const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");

describe("BIP34 pushes", () => {
  it.each([
    [0, "00"],
    [1, "51"],
    [2, "52"],
    [15, "5f"],
    [16, "60"],
    [17, "0111"],
    [127, "017f"],
    [128, "028000"],
    [255, "02ff00"],
    [256, "020001"],
    [32767, "02ff7f"],
    [32768, "03008000"],
    [227_836, "03fc7903"],
    [8_388_607, "03ffff7f"],
    [8_388_608, "0400008000"],
    [2_147_483_647, "04ffffff7f"],
  ])("of height %i are %s", (height, expected) => {
    expect(hex(bip34Push(height))).toBe(expected);
    expect(heightFromBip34(Buffer.from(`${expected}0badc0de`, "hex"))).toBe(height);
  });

  it("equal bitcoinjs-lib's minimal script numbers", () => {
    for (let height = 17; height < 9_000_000; height = Math.ceil(height * 1.37)) {
      expect(bip34Push(height)).toEqual(script.compile([script.number.encode(height)]));
    }
  });

  it("are read only in the one form consensus takes", () => {
    for (const other of [
      "",
      "0101",
      "0110",
      "02ff",
      "021100",
      "0180",
      "4c0111",
      "0500000080",
      "04ffffffff",
      "4f",
    ]) {
      expect(heightFromBip34(Buffer.from(other, "hex")), other).toBeUndefined();
    }
  });

  it("exist only for heights", () => {
    for (const height of [-1, 1.5, Number.NaN, 2 ** 31]) expect(() => bip34Push(height)).toThrow(HeightError);
  });
});
