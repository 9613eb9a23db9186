import { Block, Transaction } from "bitcoinjs-lib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bip34Push, heightFromBip34 } from "./bip34.ts";
import { assembleBlock } from "./block.ts";
import { concatBytes } from "./bytes.ts";
import { buildCoinbase, coinbaseWithWitness, serializeOutput } from "./coinbase.ts";
import { displayToInternal, internalToDisplay } from "./hashes.ts";
import { blockHash, parseHeader, serializeHeader } from "./header.ts";
import { merklePath, merkleRoot } from "./merkle.ts";
import { sha256d } from "./sha256d.ts";
import { bytesToTarget, targetFromNbits } from "./targets.ts";
import mainnet from "./vectors/mainnet-blocks.json" with { type: "json" };
import { WITNESS_COMMITMENT_HEADER, witnessCommitmentScript } from "./witness-commitment.ts";

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");

describe("mainnet blocks", () => {
  it.each(mainnet.blocks)("block $height: header, hash, proof of work and merkle root agree", (vector) => {
    const raw = bytes(vector.header);
    const header = parseHeader(raw);
    expect(serializeHeader(header)).toEqual(raw);
    expect(internalToDisplay(blockHash(raw))).toBe(vector.hash);
    expect(bytesToTarget(blockHash(raw)) <= targetFromNbits(header.nbits)).toBe(true);
    if (vector.txids) {
      const [coinbase, ...others] = vector.txids.map(displayToInternal);
      expect(merkleRoot(coinbase as Uint8Array, merklePath(others))).toEqual(header.merkleRoot);
    }
  });

  const segwit = mainnet.blocks[3] as Required<(typeof mainnet.blocks)[number]>;
  const full = bytes(segwit.coinbase);
  const stripped = concatBytes(full.subarray(0, 4), full.subarray(6, full.length - 38), full.subarray(-4));

  it("commits to the witnesses of block 542213", () => {
    const wtxids = segwit.wtxids.slice(1).map(displayToInternal);
    expect(hex(witnessCommitmentScript(wtxids))).toBe(segwit.witnessCommitmentScript);
  });

  it("adds the witness to the coinbase of block 542213, whose txid ignores it", () => {
    expect(internalToDisplay(sha256d(stripped))).toBe(segwit.txids[0]);
    expect(coinbaseWithWitness(stripped)).toEqual(full);
    expect(() => coinbaseWithWitness(full)).toThrow("not-a-stripped-coinbase");
  });

  it("finds the height in the coinbase of block 542213", () => {
    expect(heightFromBip34(stripped.subarray(42))).toBe(542213);
  });

  it("gives the empty block's constant commitment", () => {
    expect(hex(witnessCommitmentScript([]))).toBe(
      "6a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf9",
    );
  });
});

/** Small transactions, with and without a witness, as bitcoinjs-lib writes them. */
const transactions = fc
  .array(fc.record({ witness: fc.boolean(), locktime: fc.nat(), value: fc.nat() }), { maxLength: 20 })
  .map((list) =>
    list.map(({ witness, locktime, value }, index) => {
      const tx = new Transaction();
      tx.version = 2;
      tx.locktime = locktime;
      tx.addInput(new Uint8Array(32).fill(index + 1), index);
      tx.addOutput(Uint8Array.of(0x51), BigInt(value));
      if (witness) tx.setWitness(0, [Uint8Array.of(0x51)]);
      return tx;
    }),
  );

describe("assembled blocks", () => {
  it("pass bitcoinjs-lib's merkle root and witness commitment checks", () => {
    fc.assert(
      fc.property(
        transactions,
        fc.integer({ min: 1, max: 900_000 }),
        fc.uint8Array({ maxLength: 60 }),
        fc.uint8Array({ minLength: 20, maxLength: 20 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        (txs, height, tag, extranonce, word) => {
          const wtxids = txs.map((tx) => tx.getHash(true));
          const outputs = concatBytes(
            serializeOutput(5_000_000_000n, Uint8Array.of(0x51)),
            serializeOutput(0n, witnessCommitmentScript(wtxids)),
          );
          const split = buildCoinbase({
            version: 2,
            prefix: bip34Push(height),
            tag,
            unique: new Uint8Array(12).fill(7),
            extranonceSize: 20,
            sequence: 0xfffffffe,
            outputs,
            outputsCount: 2,
            locktime: height - 1,
          });
          const stripped = concatBytes(split.prefix, extranonce, split.suffix);
          const path = merklePath(txs.map((tx) => tx.getHash()));
          const header = {
            version: word,
            prevHash: new Uint8Array(32).fill(9),
            merkleRoot: merkleRoot(sha256d(stripped), path),
            ntime: word,
            nbits: word,
            nonce: word,
          };
          const raw = assembleBlock(
            serializeHeader(header),
            coinbaseWithWitness(stripped),
            txs.map((tx) => tx.toBuffer()),
          );
          const block = Block.fromBuffer(raw);
          expect(block.checkTxRoots()).toBe(true);
          expect(block.toBuffer()).toEqual(raw);
          expect(block.transactions).toHaveLength(txs.length + 1);
          const coinbase = block.transactions?.[0] as Transaction;
          expect(coinbase.locktime).toBe(height - 1);
          expect(heightFromBip34(coinbase.ins[0]?.script as Uint8Array)).toBe(height);
          expect(coinbase.ins[0]?.script.subarray(-20)).toEqual(extranonce);
          expect(coinbase.outs[1]?.script.subarray(0, 6)).toEqual(WITNESS_COMMITMENT_HEADER);
          expect(block.version >>> 0).toBe(word);
          expect([block.timestamp, block.bits, block.nonce]).toEqual([word, word, word]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("headers and hashes", () => {
  it("refuse wrong sizes", () => {
    expect(() => parseHeader(new Uint8Array(79))).toThrow("invalid-header-length");
    const header = { version: 1, merkleRoot: new Uint8Array(32), ntime: 0, nbits: 0, nonce: 0 };
    expect(() => serializeHeader({ ...header, prevHash: new Uint8Array(31) })).toThrow(
      "invalid-header-field",
    );
    expect(() => internalToDisplay(new Uint8Array(31))).toThrow("invalid-hash");
    expect(() => displayToInternal("00")).toThrow("invalid-hash");
    expect(() => displayToInternal("g".repeat(64))).toThrow("invalid-hash");
  });
});
