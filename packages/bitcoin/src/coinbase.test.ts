import { Transaction } from "bitcoinjs-lib";
import { describe, expect, it } from "vitest";
import { bip34Push } from "./bip34.ts";
import { concatBytes } from "./bytes.ts";
import { buildCoinbase, type CoinbaseError, type CoinbaseParts, serializeOutput } from "./coinbase.ts";

const parts: CoinbaseParts = {
  version: 2,
  prefix: bip34Push(840_000),
  tag: new Uint8Array(60).fill(0x41),
  unique: new Uint8Array(12).fill(0x42),
  extranonceSize: 20,
  sequence: 0xfffffffe,
  outputs: serializeOutput(625_000_000n, Uint8Array.of(0x51)),
  outputsCount: 1,
  locktime: 839_999,
};

const code = (build: () => unknown) => {
  try {
    build();
    return undefined;
  } catch (error) {
    return (error as CoinbaseError).code;
  }
};

describe("the coinbase", () => {
  it("carries prefix, tag, unique bytes and extranonce as pushes, in this order", () => {
    const { prefix, suffix } = buildCoinbase({ ...parts, tag: Buffer.from("/Lode/") });
    const tx = Transaction.fromBuffer(concatBytes(prefix, new Uint8Array(20).fill(0x43), suffix));
    expect(Buffer.from(tx.ins[0]?.script as Uint8Array).toString("hex")).toBe(
      `0340d10c${"06"}2f4c6f64652f${"0c"}${"42".repeat(12)}${"14"}${"43".repeat(20)}`,
    );
    expect(tx.isCoinbase()).toBe(true);
    expect(tx.ins[0]?.sequence).toBe(0xfffffffe);
    expect(tx.version).toBe(2);
    expect(tx.locktime).toBe(839_999);
    expect(tx.outs).toEqual([{ value: 625_000_000n, script: Uint8Array.of(0x51) }]);
  });

  it("fills the scriptSig to exactly 100 bytes and no further", () => {
    const atLimit = { ...parts, tag: new Uint8Array(61) };
    const { prefix } = buildCoinbase(atLimit);
    expect(prefix[41]).toBe(100);
    expect(code(() => buildCoinbase({ ...parts, tag: new Uint8Array(62) }))).toBe("script-sig-too-long");
  });

  it("takes a 60-byte tag at the height where the BIP34 push grows to five bytes", () => {
    expect(buildCoinbase({ ...parts, prefix: bip34Push(8_388_608) }).prefix[41]).toBe(100);
  });

  it("leaves out empty pushes", () => {
    const { prefix } = buildCoinbase({ ...parts, tag: new Uint8Array(0), unique: new Uint8Array(0) });
    expect(prefix[41]).toBe(4 + 1 + 20);
  });

  it("counts any number of outputs", () => {
    const outputsCount = 300;
    const outputs = concatBytes(...Array.from({ length: outputsCount }, () => parts.outputs));
    const { prefix, suffix } = buildCoinbase({ ...parts, outputs, outputsCount });
    expect(Transaction.fromBuffer(concatBytes(prefix, new Uint8Array(20), suffix)).outs).toHaveLength(300);
  });

  it("refuses pushes, extranonces and values that cannot be", () => {
    expect(code(() => buildCoinbase({ ...parts, tag: new Uint8Array(76) }))).toBe("push-too-long");
    expect(code(() => buildCoinbase({ ...parts, extranonceSize: 0 }))).toBe("invalid-extranonce-size");
    expect(code(() => buildCoinbase({ ...parts, extranonceSize: 76 }))).toBe("invalid-extranonce-size");
    expect(code(() => serializeOutput(-1n, parts.tag))).toBe("invalid-output-value");
    expect(code(() => serializeOutput(2_100_000_000_000_001n, parts.tag))).toBe("invalid-output-value");
  });

  it("is never 64 bytes long, the size BIP54 forbids", () => {
    // 42 bytes to the scriptSig, 1 + 1 in it, 4 sequence, 1 count, 11 output, 4 locktime.
    const outputs = serializeOutput(0n, Uint8Array.of(0x51, 0x51));
    const tiny = {
      ...parts,
      prefix: new Uint8Array(0),
      tag: parts.prefix.subarray(0, 0),
      unique: parts.prefix.subarray(0, 0),
    };
    expect(code(() => buildCoinbase({ ...tiny, extranonceSize: 1, outputs }))).toBe(
      "forbidden-transaction-size",
    );
    expect(code(() => buildCoinbase({ ...tiny, extranonceSize: 2, outputs }))).toBeUndefined();
  });
});
