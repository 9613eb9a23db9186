import { VirtualClock } from "@lode/testing/clock";
import { Block, type Transaction } from "bitcoinjs-lib";
import { describe, expect, it } from "vitest";
import {
  extendChain,
  faucetOutpoints,
  minedBlock,
  spendAnyones,
  type TamperOptions,
  tamper,
} from "./block-fixtures.ts";
import type { BlockEntry } from "./block-index.ts";
import { Chain, ChainError } from "./chain.ts";
import { outpointKey } from "./coins.ts";
import { type ChainParameters, COIN } from "./parameters.ts";
import { transactionId } from "./transaction-rules.ts";

const clock = new VirtualClock();
const now = Math.floor(clock.now() / 1000);
const newChain = (parameters: Partial<ChainParameters> = {}) => new Chain({ clock, parameters });

const coinbaseOf = (block: Block) => block.transactions?.[0] as Transaction;
const scriptSigOf = (block: Block) => coinbaseOf(block).ins[0] as Transaction["ins"][number];

describe("a block that is wrong in one way", () => {
  const cases: [reason: string, change: (block: Block) => void, options?: TamperOptions][] = [
    [
      "high-hash",
      (block) => {
        block.nonce++;
        while (block.checkProofOfWork()) block.nonce++;
      },
      { proofOfWork: false },
    ],
    [
      "bad-txnmrklroot",
      (block) => {
        block.merkleRoot = new Uint8Array(32);
      },
      { merkleRoot: false },
    ],
    [
      "bad-txns-duplicate",
      (block) => {
        block.transactions?.push(...block.transactions.slice(-2));
      },
    ],
    [
      "bad-blk-length",
      (block) => {
        coinbaseOf(block).addOutput(new Uint8Array(1_000_000), 0n);
      },
    ],
    [
      "bad-cb-missing",
      (block) => {
        block.transactions?.shift();
      },
    ],
    [
      "bad-cb-multiple",
      (block) => {
        block.transactions?.push(coinbaseOf(block).clone());
      },
    ],
    [
      "bad-cb-length",
      (block) => {
        scriptSigOf(block).script = new Uint8Array(101);
      },
    ],
    [
      "bad-cb-length",
      (block) => {
        scriptSigOf(block).script = new Uint8Array(1);
      },
    ],
    [
      "bad-txns-vout-negative",
      (block) => {
        (coinbaseOf(block).outs[0] as { value: bigint }).value = -1n;
      },
    ],
    [
      "bad-txns-vout-toolarge",
      (block) => {
        (coinbaseOf(block).outs[0] as { value: bigint }).value = 1n << 60n;
      },
    ],
    [
      "bad-txns-vout-empty",
      (block) => {
        block.transactions?.[1]?.outs.splice(0);
      },
    ],
    [
      "bad-blk-sigops",
      (block) => {
        coinbaseOf(block).addOutput(new Uint8Array(20_001).fill(0xac), 0n);
      },
    ],
    [
      "bad-diffbits",
      (block) => {
        block.bits = 0x207ffffe;
      },
    ],
    [
      "time-too-old",
      (block) => {
        block.timestamp = 1_296_688_602;
      },
    ],
    [
      "time-too-new",
      (block) => {
        block.timestamp = now + 7201;
      },
    ],
    [
      "bad-version(0x00000003)",
      (block) => {
        block.version = 3;
      },
    ],
    [
      "prev-blk-not-found",
      (block) => {
        block.prevHash = new Uint8Array(32).fill(1);
      },
    ],
    [
      "bad-txns-nonfinal",
      (block) => {
        coinbaseOf(block).locktime = 3;
      },
    ],
    [
      "bad-cb-height",
      (block) => {
        scriptSigOf(block).script[0] = 0x53;
      },
    ],
    [
      "bad-witness-nonce-size",
      (block) => {
        scriptSigOf(block).witness = [new Uint8Array(31)];
      },
    ],
    [
      "bad-witness-nonce-size",
      (block) => {
        scriptSigOf(block).witness.push(new Uint8Array(32));
      },
    ],
    [
      "bad-witness-merkle-match",
      (block) => {
        scriptSigOf(block).witness = [new Uint8Array(32).fill(1)];
      },
    ],
    [
      "bad-witness-merkle-match",
      (block) => {
        block.transactions?.[1]?.setWitness(0, [new Uint8Array(2)]);
      },
    ],
    [
      "unexpected-witness",
      (block) => {
        coinbaseOf(block).outs.pop();
      },
    ],
    [
      "bad-blk-weight",
      (block) => {
        block.transactions?.[1]?.setWitness(0, [new Uint8Array(3_999_500)]);
      },
      { commitment: true },
    ],
    [
      "bad-txns-inputs-missingorspent",
      (block) => {
        (block.transactions?.[1]?.ins[0] as { index: number }).index = 999;
      },
      { commitment: true },
    ],
    [
      "bad-txns-in-belowout",
      (block) => {
        (block.transactions?.[1]?.outs[0] as { value: bigint }).value = 20n * COIN;
      },
      { commitment: true },
    ],
    [
      "bad-txns-inputs-duplicate",
      (block) => {
        const tx = block.transactions?.[1] as Transaction;
        tx.ins.push(...tx.ins);
      },
      { commitment: true },
    ],
    [
      "block-script-verify-flag-failed (Witness program hash mismatch)",
      (block) => {
        block.transactions?.[1]?.setWitness(0, [Uint8Array.of(0x52)]);
      },
      { commitment: true },
    ],
    [
      "bad-cb-amount",
      (block) => {
        (coinbaseOf(block).outs[0] as { value: bigint }).value += 1n;
      },
      { commitment: true },
    ],
  ];

  it.each(cases)("is refused: %s", (reason, change, options) => {
    const chain = newChain();
    extendChain(chain, 1);
    const [coin] = faucetOutpoints(chain, 1) as [string];
    const good = minedBlock(chain, { transactions: [spendAnyones(chain, [coin], 9n * COIN)] });
    const before = chain.tip;
    expect(chain.submit(tamper(good, change, options))).toBe(reason);
    expect(chain.tip).toBe(before);
    expect(chain.submit(good)).toBeNull();
  });

  it.each([
    ["bad-cb-height", "duplicate-invalid"],
    ["bad-cb-amount", "duplicate-invalid"],
    ["high-hash", "high-hash"],
    ["time-too-new", "time-too-new"],
    ["bad-witness-merkle-match", "bad-witness-merkle-match"],
  ])("gets the second answer a node gives: %s, then %s", (reason, second) => {
    const chain = newChain();
    extendChain(chain, 1);
    const [, change, options] = cases.find(([name]) => name === reason) as (typeof cases)[number];
    const [coin] = faucetOutpoints(chain, 1) as [string];
    const bad = tamper(
      minedBlock(chain, { transactions: [spendAnyones(chain, [coin], COIN)] }),
      change,
      options,
    );
    expect([chain.submit(bad), chain.submit(bad)]).toEqual([reason, second]);
  });

  it("is refused when it spends a coinbase too early", () => {
    const chain = newChain({ coinbaseMaturity: 3 });
    extendChain(chain, 2);
    const coinbase = Block.fromBuffer(chain.blockBytes(chain.entryAt(1) as BlockEntry) as Uint8Array)
      .transactions?.[0];
    const outpoint = outpointKey(transactionId(coinbase as Transaction), 0);
    const attempt = () => minedBlock(chain, { transactions: [spendAnyones(chain, [outpoint], COIN)] });
    expect(chain.submit(attempt())).toBe("bad-txns-premature-spend-of-coinbase");
    extendChain(chain, 1);
    expect(chain.submit(attempt())).toBeNull();
  });

  it("is refused when it descends from an invalid one", () => {
    const chain = newChain();
    const bad = tamper(minedBlock(chain), (block) => {
      (coinbaseOf(block).outs[0] as { value: bigint }).value += 1n;
    });
    expect(chain.submit(bad)).toBe("bad-cb-amount");
    const badEntry = chain.entry(Block.fromBuffer(bad).getId()) as BlockEntry;
    expect(chain.submit(minedBlock(chain, { parent: badEntry }))).toBe("bad-prevblk");
  });

  it("is refused when its bytes are not exactly a block", () => {
    const chain = newChain();
    const good = minedBlock(chain);
    const undecodable = (raw: Uint8Array) => {
      expect(() => chain.submit(raw)).toThrow(ChainError);
      expect(() => chain.propose(raw)).toThrow("undecodable-block");
    };
    undecodable(new Uint8Array(0));
    undecodable(good.subarray(0, 80));
    undecodable(good.subarray(0, good.length - 1));
    undecodable(Buffer.concat([good, Buffer.of(0)]));
  });
});
