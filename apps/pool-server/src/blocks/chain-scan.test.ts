import {
  assembleBlock,
  blockHash,
  buildCoinbase,
  coinbaseWithWitness,
  concatBytes,
  internalToDisplay,
  serializeOutput,
} from "@lode/bitcoin";
import { type NewBlock, type ScanPosition, SEEN_ON_CHAIN } from "@lode/ledger/blocks";
import { silentLogger } from "@lode/ports";
import { describe, expect, it } from "vitest";
import { ChainScan } from "./chain-scan.ts";

const OURS = Uint8Array.of(0x51, 0x01);
const THEIRS = Uint8Array.of(0x51, 0x02);

/** A chain of blocks that pay what they are told to. */
function chainOf() {
  const blocks: Uint8Array[] = [];
  let nonce = 0;
  const add = (height: number, outputs: readonly [bigint, Uint8Array][]) => {
    const { prefix, suffix } = buildCoinbase({
      version: 2,
      prefix: Uint8Array.of(0x02, height & 255, height >> 8),
      tag: new Uint8Array(),
      unique: new Uint8Array(12),
      extranonceSize: 20,
      sequence: 0xffff_fffe,
      outputs: concatBytes(...outputs.map(([sats, script]) => serializeOutput(sats, script))),
      outputsCount: outputs.length,
      locktime: 0,
    });
    const header = new Uint8Array(80);
    if (height > 0) header.set(blockHash(blocks[height - 1]!.slice(0, 80)), 4);
    new DataView(header.buffer).setUint32(76, nonce++, true);
    const coinbase = coinbaseWithWitness(concatBytes(prefix, new Uint8Array(20), suffix));
    blocks[height] = new Uint8Array(assembleBlock(header, coinbase, []));
    blocks.length = height + 1;
  };
  const hashAt = async (height: number) => internalToDisplay(blockHash(blocks[height]!.slice(0, 80)));
  const block = async (hash: string) => {
    for (const [height, bytes] of blocks.entries()) if ((await hashAt(height)) === hash) return bytes;
    throw new Error("unknown block");
  };
  return { add, hashAt, block, height: async () => blocks.length - 1 };
}

function storeOf() {
  let position: ScanPosition | undefined;
  const recorded: NewBlock[] = [];
  return {
    recorded,
    poolScripts: async () => new Set([Buffer.from(OURS).toString("hex")]),
    scanPosition: async () => position,
    moveScan: async (from: ScanPosition | undefined, to: ScanPosition) => {
      if (from?.height !== position?.height) return false;
      position = to;
      return true;
    },
    record: async (block: NewBlock) => {
      if (recorded.some(({ hash }) => Buffer.compare(hash, block.hash) === 0)) return false;
      recorded.push(block);
      return true;
    },
  };
}

describe("ChainScan", () => {
  it("records blocks of ours that nobody recorded, and no others, from where it stood before", async () => {
    const chain = chainOf();
    const store = storeOf();
    for (let height = 0; height < 3; height++) chain.add(height, [[50n, OURS]]);
    const round = () => new ChainScan({ chain, store, logger: silentLogger }).round();
    await round();
    expect(store.recorded).toEqual([]);
    chain.add(3, [[50n, THEIRS]]);
    chain.add(4, [[50n, OURS]]);
    chain.add(5, [
      [49n, THEIRS],
      [1n, OURS],
    ]);
    await round();
    await round();
    expect(
      store.recorded.map(({ height, scheme, source, finder }) => [height, scheme, source, finder]),
    ).toEqual([
      [4, "pplns", SEEN_ON_CHAIN, null],
      [5, "solo", SEEN_ON_CHAIN, null],
    ]);
  });

  it("goes back behind a reorganisation and finds what the new branch brought", async () => {
    const chain = chainOf();
    const store = storeOf();
    for (let height = 0; height < 4; height++) chain.add(height, [[50n, THEIRS]]);
    const scan = new ChainScan({ chain, store, logger: silentLogger });
    await scan.round();
    chain.add(4, [[50n, THEIRS]]);
    await scan.round();
    chain.add(3, [[50n, OURS]]);
    chain.add(4, [[50n, THEIRS]]);
    chain.add(5, [[50n, THEIRS]]);
    for (let round = 0; round < 3; round++) await scan.round();
    expect(store.recorded.map(({ height }) => height)).toEqual([3]);
  });
});
