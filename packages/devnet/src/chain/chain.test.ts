import { equalBytes } from "@lode/bitcoin";
import { VirtualClock } from "@lode/testing/clock";
import { Block, type Transaction } from "bitcoinjs-lib";
import { describe, expect, it } from "vitest";
import { extendChain, faucetOutpoints, minedBlock, spendAnyones, tamper } from "./block-fixtures.ts";
import type { BlockEntry } from "./block-index.ts";
import { buildCandidate } from "./candidate.ts";
import { Chain, type TipChange } from "./chain.ts";
import { outpointKey } from "./coins.ts";
import { type ChainParameters, COIN } from "./parameters.ts";
import { ANYONE_CAN_SPEND } from "./spend-rules.ts";

const clock = new VirtualClock();
const now = Math.floor(clock.now() / 1000);
const newChain = (parameters: Partial<ChainParameters> = {}) => new Chain({ clock, parameters });

const coinbaseOf = (block: Block) => block.transactions?.[0] as Transaction;

describe("a good block", () => {
  it("becomes the tip, and is a duplicate from then on", () => {
    const chain = newChain();
    const block = minedBlock(chain);
    expect(chain.submit(block)).toBeNull();
    expect(chain.tip).toMatchObject({
      height: 1,
      hash: Block.fromBuffer(block).getId(),
      transactionCount: 1,
    });
    expect(chain.blockBytes(chain.tip)).toEqual(block);
    expect(chain.submit(block)).toBe("duplicate");
    expect(chain.propose(block)).toBe("duplicate");
  });

  it("of every height around the BIP34 push sizes is taken", () => {
    const chain = newChain();
    extendChain(chain, 260);
    expect(chain.tip.height).toBe(260);
    expect(chain.tip.chainWork).toBe((chain.entryAt(0)?.chainWork as bigint) * 261n);
  });

  it("carries transactions with witnesses, spends their inputs and makes their outputs", () => {
    const chain = newChain();
    const [coin, other] = faucetOutpoints(chain, 2) as [string, string];
    const first = spendAnyones(chain, [coin], 9n * COIN);
    const chained = { ...spendAnyones(chain, [outpointKey(first.txid, 0)], 8n * COIN), fee: COIN };
    const block = minedBlock(chain, {
      transactions: [first, chained, spendAnyones(chain, [other], 10n * COIN - 1n)],
    });
    expect(chain.propose(block)).toBeNull();
    expect(chain.submit(block)).toBeNull();
    expect(chain.coins.get(coin)).toBeUndefined();
    expect(chain.coins.get(outpointKey(first.txid, 0))).toBeUndefined();
    expect(chain.coins.get(outpointKey(chained.txid, 0))?.value).toBe(8n * COIN);
    const reward = Block.fromBuffer(block).transactions?.[0]?.outs[0]?.value;
    expect(reward).toBe(52n * COIN + 1n);
  });

  it("gets its coinbase witness added when only that is missing, as submitblock does", () => {
    const chain = newChain();
    const block = tamper(minedBlock(chain), ({ transactions }) => transactions?.[0]?.stripWitnesses());
    expect(chain.propose(block)).toBe("bad-witness-nonce-size");
    expect(chain.submit(block)).toBeNull();
    expect(Block.fromBuffer(chain.blockBytes(chain.tip) as Uint8Array).checkTxRoots()).toBe(true);
  });

  it("without witnesses needs no commitment", () => {
    const chain = newChain();
    const bare = tamper(minedBlock(chain), ({ transactions }) => {
      transactions?.[0]?.outs.pop();
      transactions?.[0]?.stripWitnesses();
    });
    expect(chain.submit(bare)).toBeNull();
  });

  it("has the subsidy halved where the chain halves it", () => {
    const chain = newChain({ halvingInterval: 2 });
    extendChain(chain, 5);
    const value = (height: number) => {
      const entry = chain.entryAt(height) as BlockEntry;
      return Block.fromBuffer(chain.blockBytes(entry) as Uint8Array).transactions?.[0]?.outs[0]?.value;
    };
    expect([1, 2, 3, 4, 5].map(value)).toEqual([
      50n * COIN,
      25n * COIN,
      25n * COIN,
      1250000000n,
      1250000000n,
    ]);
  });
});

describe("proposals", () => {
  it("need no proof of work, but everything else, and the tip as parent", () => {
    const chain = newChain();
    extendChain(chain, 1);
    const genesis = chain.entryAt(0) as BlockEntry;
    const unmined = buildCandidate(chain.parameters, {
      parent: chain.tip,
      payoutScript: ANYONE_CAN_SPEND,
      ntime: now + 1,
    });
    expect(chain.propose(unmined)).toBeNull();
    expect(chain.tip.height).toBe(1);
    const late = tamper(
      unmined,
      (block) => {
        block.timestamp = now + 7201;
      },
      { proofOfWork: false },
    );
    expect(chain.propose(late)).toBe("time-too-new");
    expect(chain.propose(minedBlock(chain, { parent: genesis, extranonce: Uint8Array.of(1) }))).toBe(
      "inconclusive-not-best-prevblk",
    );
  });
});

describe("branches", () => {
  it("are followed when they have more work, and coins go back and forth with them", () => {
    const chain = newChain();
    const changes: TipChange[] = [];
    chain.onTipChange((change) => changes.push(change));
    const genesis = chain.tip;
    const [coin] = faucetOutpoints(chain, 1) as [string];
    const payment = spendAnyones(chain, [coin], 9n * COIN);
    const chained = { ...spendAnyones(chain, [outpointKey(payment.txid, 0)], 8n * COIN), fee: COIN };
    expect(chain.submit(minedBlock(chain, { transactions: [payment, chained] }))).toBeNull();
    const first = chain.tip;
    const coinsBefore = new Map(chain.coins);
    const sibling = minedBlock(chain, { parent: genesis, extranonce: Uint8Array.of(2) });
    expect(chain.submit(sibling)).toBe("inconclusive");
    expect(chain.submit(sibling)).toBe("duplicate");
    expect(chain.propose(sibling)).toBe("duplicate-inconclusive");
    expect(chain.tip).toBe(first);
    const siblingEntry = chain.entry(Block.fromBuffer(sibling).getId()) as BlockEntry;
    expect(chain.submit(minedBlock(chain, { parent: siblingEntry }))).toBeNull();
    expect(chain.tip.height).toBe(2);
    expect(chain.isActive(first)).toBe(false);
    expect(chain.coins.get(coin)?.value).toBe(10n * COIN);
    expect(chain.coins.get(outpointKey(chained.txid, 0))).toBeUndefined();
    expect(changes.at(-1)?.disconnected.map((block) => block.getId())).toEqual([first.hash]);
    expect(changes.at(-1)?.connected).toHaveLength(2);
    extendChain(chain, 2, first);
    expect(chain.tip.height).toBe(3);
    expect(chain.entryAt(1)).toBe(first);
    for (const [outpoint, { value }] of coinsBefore) expect(chain.coins.get(outpoint)?.value).toBe(value);
  });

  it("of equal work change places when one is preferred", () => {
    const chain = newChain();
    const genesis = chain.tip;
    extendChain(chain, 1);
    const first = chain.tip;
    const sibling = minedBlock(chain, { parent: genesis, extranonce: Uint8Array.of(3) });
    chain.submit(sibling);
    const hash = Block.fromBuffer(sibling).getId();
    chain.prefer(hash);
    expect(chain.tip.hash).toBe(hash);
    chain.prefer(first.hash);
    expect(chain.tip).toBe(first);
    extendChain(chain, 1);
    chain.prefer(hash);
    expect(chain.tip.height).toBe(2);
    expect(() => chain.prefer("00".repeat(32))).toThrow("unknown-block");
  });

  it("with an invalid block are left again, back to where the chain was", () => {
    const chain = newChain();
    const genesis = chain.tip;
    extendChain(chain, 1);
    const before = chain.tip;
    const coins = new Map(chain.coins);
    const greedy = tamper(minedBlock(chain, { parent: genesis, extranonce: Uint8Array.of(4) }), (block) => {
      (coinbaseOf(block).outs[0] as { value: bigint }).value += 1n;
    });
    expect(chain.submit(greedy)).toBe("inconclusive");
    const greedyEntry = chain.entry(Block.fromBuffer(greedy).getId()) as BlockEntry;
    expect(chain.submit(minedBlock(chain, { parent: greedyEntry }))).toBe("inconclusive");
    expect(chain.tip).toBe(before);
    expect(new Map(chain.coins)).toEqual(coins);
    expect(chain.submit(greedy)).toBe("duplicate-invalid");
    expect(chain.submit(minedBlock(chain, { parent: greedyEntry, extranonce: Uint8Array.of(9) }))).toBe(
      "bad-prevblk",
    );
    expect(extendChain(chain, 1)).toBe(chain.tip);
  });

  it("that fork off deeper than the chain keeps its way back are not followed", () => {
    const chain = newChain();
    const genesis = chain.tip;
    extendChain(chain, 146);
    const before = chain.tip;
    const fork = minedBlock(chain, { parent: genesis, extranonce: Uint8Array.of(5) });
    chain.submit(fork);
    extendChain(chain, 150, chain.entry(Block.fromBuffer(fork).getId()) as BlockEntry);
    expect(chain.tip).toBe(before);
  });
});

it("block 0 is regtest's", () => {
  const genesis = newChain().tip;
  expect(genesis.hash).toBe("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206");
  expect(equalBytes(genesis.header.prevHash, new Uint8Array(32))).toBe(true);
});

it("targets easier than the network's limit are refused", () => {
  expect(() => newChain({ nbits: 0x2100ffff })).toThrow("target-out-of-range");
  expect(() => newChain({ nbits: 0 })).toThrow("zero-nbits");
});
