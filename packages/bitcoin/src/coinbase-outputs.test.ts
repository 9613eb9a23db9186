import { describe, expect, it } from "vitest";
import { assembleBlock } from "./block.ts";
import { concatBytes } from "./bytes.ts";
import { buildCoinbase, coinbaseWithWitness, serializeOutput } from "./coinbase.ts";
import { coinbaseOfBlock, TransactionBytesError, transactionOutputs } from "./coinbase-outputs.ts";

const scripts = [Uint8Array.of(0x51), Uint8Array.of(0x00, 0x14, ...new Uint8Array(20).fill(7))];

function coinbase(): Uint8Array {
  const { prefix, suffix } = buildCoinbase({
    version: 2,
    prefix: Uint8Array.of(0x02, 0x10, 0x27),
    tag: new Uint8Array(),
    unique: new Uint8Array(12),
    extranonceSize: 20,
    sequence: 0xffff_fffe,
    outputs: concatBytes(
      serializeOutput(2_100_000_000_000_000n, scripts[0]!),
      serializeOutput(0n, scripts[1]!),
    ),
    outputsCount: 2,
    locktime: 9_999,
  });
  return concatBytes(prefix, new Uint8Array(20), suffix);
}

describe("what a coinbase pays", () => {
  it("is read with and without its witness, to the satoshi", () => {
    const expected = [
      { sats: 2_100_000_000_000_000n, script: scripts[0] },
      { sats: 0n, script: scripts[1] },
    ];
    for (const tx of [coinbase(), coinbaseWithWitness(coinbase())]) {
      expect(
        transactionOutputs(tx).map(({ sats, script }) => ({ sats, script: Uint8Array.from(script) })),
      ).toEqual(expected);
    }
  });

  it("is found in a whole block", () => {
    const tx = coinbaseWithWitness(coinbase());
    const block = assembleBlock(new Uint8Array(80), tx, [coinbase(), coinbase()]);
    expect(Buffer.from(coinbaseOfBlock(block)).equals(tx)).toBe(true);
  });

  it("is refused where the bytes are no transaction or no block", () => {
    for (const bytes of [new Uint8Array(), new Uint8Array(81), coinbase().slice(0, -1)]) {
      expect(() => transactionOutputs(bytes)).toThrow(TransactionBytesError);
      expect(() => coinbaseOfBlock(bytes)).toThrow(TransactionBytesError);
    }
  });
});
