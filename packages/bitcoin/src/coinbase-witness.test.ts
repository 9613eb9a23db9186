import fc from "fast-check";
import { expect, it } from "vitest";
import { bip34Push } from "./bip34.ts";
import { concatBytes } from "./bytes.ts";
import { buildCoinbase, coinbaseWithWitness, serializeOutput, stripCoinbaseWitness } from "./coinbase.ts";
import { coinbaseForBlock, witnessCommitmentScript } from "./witness-commitment.ts";

function coinbase(outputs: readonly Uint8Array[], tag: Uint8Array = new Uint8Array()): Uint8Array {
  const { prefix, suffix } = buildCoinbase({
    version: 2,
    prefix: bip34Push(900_000),
    tag,
    unique: new Uint8Array(12),
    extranonceSize: 20,
    sequence: 0xffff_fffe,
    outputs: concatBytes(...outputs.map((script) => serializeOutput(1n, script))),
    outputsCount: outputs.length,
    locktime: 899_999,
  });
  return concatBytes(prefix, new Uint8Array(20), suffix);
}

it("a coinbase comes back unchanged after its witness was put on and taken off", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000_000 }),
      fc.uint8Array({ maxLength: 40 }),
      fc.integer({ min: 0, max: 30 }),
      (height, tag, outputs) => {
        const { prefix, suffix } = buildCoinbase({
          version: 2,
          prefix: bip34Push(height),
          tag,
          unique: new Uint8Array(12),
          extranonceSize: 20,
          sequence: 0xffff_fffe,
          outputs: concatBytes(
            ...Array.from({ length: outputs }, () => serializeOutput(1n, Uint8Array.of(0x51))),
          ),
          outputsCount: outputs,
          locktime: height - 1,
        });
        const stripped = concatBytes(prefix, new Uint8Array(20), suffix);
        expect(stripCoinbaseWitness(coinbaseWithWitness(stripped))).toEqual(stripped);
        expect(stripCoinbaseWitness(stripped)).toEqual(stripped);
      },
    ),
  );
});

it("bytes that are no coinbase are refused", () => {
  expect(() => stripCoinbaseWitness(new Uint8Array(200))).toThrow(/not-a-coinbase/);
});

it("a coinbase goes into a block with its witness only where an output commits to witnesses", () => {
  const commitment = witnessCommitmentScript([]);
  const payout = Uint8Array.of(0x51);
  for (const outputs of [[payout, commitment], [concatBytes(commitment, payout)], [commitment]]) {
    const stripped = coinbase(outputs);
    expect(coinbaseForBlock(stripped)).toEqual(coinbaseWithWitness(stripped));
  }
  // Too short for a commitment, bytes of one in another place, no output at all.
  for (const outputs of [[payout], [commitment.subarray(0, 37)], [concatBytes(payout, commitment)], []]) {
    const stripped = coinbase(outputs, commitment.subarray(0, 38));
    expect(coinbaseForBlock(stripped)).toBe(stripped);
  }
});
