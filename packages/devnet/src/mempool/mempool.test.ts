import { concatBytes, displayToInternal, ecc } from "@lode/bitcoin";
import { VirtualClock } from "@lode/testing/clock";
import { seededRandom } from "@lode/testing/random";
import { crypto, script as scripts, Transaction } from "bitcoinjs-lib";
import { describe, expect, it } from "vitest";
import { extendChain, faucetOutpoints, minedBlock, spendAnyones } from "../chain/block-fixtures.ts";
import { Chain } from "../chain/chain.ts";
import { outpointKey } from "../chain/coins.ts";
import { COIN } from "../chain/parameters.ts";
import { ANYONE_CAN_SPEND } from "../chain/spend-rules.ts";
import { selectTransactions } from "./block-selection.ts";
import { Mempool, type MempoolError } from "./mempool.ts";
import { startTraffic } from "./traffic.ts";

function world() {
  const clock = new VirtualClock();
  const chain = new Chain({ clock });
  const mempool = new Mempool(chain, clock);
  const [first, second, third] = faucetOutpoints(chain, 3) as [string, string, string];
  return { clock, chain, mempool, first, second, third };
}

const errorOf = (attempt: () => unknown) => {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return (error as MempoolError).type;
  }
};

const COINS = 10n * COIN;

describe("a transaction", () => {
  it("comes in once and waits with its fee, weight and parents", () => {
    const { chain, mempool, first } = world();
    const parent = spendAnyones(chain, [first], COINS - 1000n);
    const entry = mempool.accept(parent.raw);
    expect(entry).toMatchObject({
      fee: 1000n,
      txid: parent.txid,
      wtxid: parent.wtxid,
      parents: [],
      sigops: 0,
    });
    expect(entry.weight).toBe(Transaction.fromBuffer(parent.raw).weight());
    expect(mempool.accept(parent.raw)).toBe(entry);
    const child = mempool.accept(spendAnyones(chain, [outpointKey(parent.txid, 0)], COINS - 3000n).raw);
    expect(child).toMatchObject({ fee: 2000n, parents: [entry] });
    expect(mempool.size).toBe(2);
    expect(mempool.get(first)).toBeUndefined();
    expect(mempool.get(outpointKey(child.txid, 0))?.value).toBe(COINS - 3000n);
  });

  it("is refused for the reason a node would give", () => {
    const { chain, mempool, first } = world();
    const good = Transaction.fromBuffer(spendAnyones(chain, [first], COINS - 1000n).raw);
    const changed = (change: (tx: Transaction) => void) => {
      const tx = good.clone();
      change(tx);
      return errorOf(() => mempool.accept(tx.toBuffer()));
    };
    const rejected = (reason: string) => ({ code: "rejected", reason });
    expect(errorOf(() => mempool.accept(new Uint8Array(9)))).toEqual({ code: "undecodable-transaction" });
    expect(changed((tx) => tx.addInput(new Uint8Array(32).fill(1), 0))).toEqual({ code: "missing-inputs" });
    expect(changed((tx) => tx.addOutput(ANYONE_CAN_SPEND, 1000n))).toEqual(rejected("min relay fee not met"));
    expect(changed((tx) => tx.addOutput(ANYONE_CAN_SPEND, 1001n))).toEqual(rejected("bad-txns-in-belowout"));
    expect(changed((tx) => tx.outs.splice(0))).toEqual(rejected("bad-txns-vout-empty"));
    expect(changed((tx) => tx.setWitness(0, [Uint8Array.of(0x52)]))).toEqual(
      rejected("mempool-script-verify-flag-failed (Witness program hash mismatch)"),
    );
    const nonFinal = changed((tx) => {
      tx.locktime = 2;
      for (const input of tx.ins) input.sequence = 0;
    });
    expect(nonFinal).toEqual(rejected("non-final"));
    expect(mempool.size).toBe(0);
  });

  it("is refused when the chain has it already", () => {
    const { chain, mempool, first } = world();
    const payment = spendAnyones(chain, [first], COINS - 1000n);
    chain.submit(minedBlock(chain, { transactions: [payment] }));
    expect(errorOf(() => mempool.accept(payment.raw))).toEqual({ code: "already-confirmed" });
  });

  it("replaces what spends the same coins, with all that builds on it, only for a higher fee", () => {
    const { chain, mempool, first, second } = world();
    const old = mempool.accept(spendAnyones(chain, [first], COINS - 1000n).raw);
    mempool.accept(spendAnyones(chain, [outpointKey(old.txid, 0)], COINS - 3000n).raw);
    const cheap = spendAnyones(chain, [first, second], 2n * COINS - 2900n);
    expect(errorOf(() => mempool.accept(cheap.raw))).toEqual({
      code: "rejected",
      reason: "insufficient fee",
    });
    expect(mempool.size).toBe(2);
    const dear = mempool.accept(spendAnyones(chain, [first, second], 2n * COINS - 4000n).raw);
    expect([...mempool.entries()]).toEqual([dear]);
    const circular = spendAnyones(chain, [first, outpointKey(dear.txid, 0)], COINS);
    expect(errorOf(() => mempool.accept(circular.raw))).toMatchObject({
      reason: "bad-txns-spends-conflicting-tx",
    });
  });

  it("may stand on 24 unconfirmed ones and no more", () => {
    const { chain, mempool, first } = world();
    let outpoint = first;
    for (let i = 1n; i <= 25n; i++) {
      outpoint = outpointKey(mempool.accept(spendAnyones(chain, [outpoint], COINS - i * 1000n).raw).txid, 0);
    }
    const next = spendAnyones(chain, [outpoint], COINS - 26_000n);
    expect(errorOf(() => mempool.accept(next.raw))).toEqual({
      code: "rejected",
      reason: "too-long-mempool-chain",
    });
  });
});

describe("blocks", () => {
  it("take confirmed and double-spent transactions out, and a reorg brings them back", () => {
    const { chain, mempool, first, second } = world();
    const genesis = chain.tip;
    const confirmed = mempool.accept(spendAnyones(chain, [first], COINS - 1000n).raw);
    const child = mempool.accept(spendAnyones(chain, [outpointKey(confirmed.txid, 0)], COINS - 2000n).raw);
    const doubleSpent = mempool.accept(spendAnyones(chain, [second], COINS - 1000n).raw);
    const rival = spendAnyones(chain, [second], COINS - 5000n);
    const updates = mempool.updates;
    chain.submit(minedBlock(chain, { transactions: [confirmed, rival] }));
    expect([...mempool.entries()].map(({ id }) => id)).toEqual([child.id]);
    expect(mempool.updates).toBeGreaterThan(updates);
    expect(mempool.entry(doubleSpent.id)).toBeUndefined();
    extendChain(chain, 2, genesis);
    expect(chain.tip.height).toBe(2);
    expect([...mempool.entries()].map(({ id }) => id)).toContain(confirmed.id);
    expect([...mempool.entries()].map(({ id }) => id)).toContain(child.id);
    expect(mempool.size).toBe(3);
  });

  it("get the best paying transactions, parents first, within weight and sigops", () => {
    const { chain, mempool, first, second, third } = world();
    const cheapParent = mempool.accept(spendAnyones(chain, [first], COINS - 100n).raw);
    const dearChild = mempool.accept(
      spendAnyones(chain, [outpointKey(cheapParent.txid, 0)], COINS - 9100n).raw,
    );
    const middle = mempool.accept(spendAnyones(chain, [second], COINS - 5000n).raw);
    const low = mempool.accept(spendAnyones(chain, [third], COINS - 200n).raw);
    const all = selectTransactions(mempool.entries(), 4_000_000, 80_000);
    expect(all).toEqual([cheapParent, dearChild, middle, low]);
    expect(chain.submit(minedBlock(chain, { transactions: all }))).toBeNull();
    const room = cheapParent.weight + dearChild.weight;
    expect(selectTransactions([low, middle, cheapParent, dearChild], room, 80_000)).toEqual([
      cheapParent,
      dearChild,
    ]);
    expect(selectTransactions([low, middle, dearChild], room - 1, 80_000)).toEqual([middle]);
    expect(selectTransactions([{ ...middle, sigops: 9 }], room, 8)).toEqual([]);
  });
});

describe("signed spends", () => {
  const secret = new Uint8Array(32).fill(7);
  const publicKey = ecc.publicKey(secret);
  const keyHash = crypto.hash160(publicKey);
  const p2wpkh = concatBytes(Uint8Array.of(0x00, 0x14), keyHash);
  const p2tr = concatBytes(Uint8Array.of(0x51, 0x20), publicKey.subarray(1));

  /** A chain with one coin of each script, and an unsigned spend of both. */
  function funded() {
    const { chain, mempool, first } = world();
    const funding = new Transaction();
    funding.addInput(displayToInternal(first.slice(0, 64)), 0);
    funding.addOutput(p2wpkh, 5n * COIN);
    funding.addOutput(p2tr, 4n * COIN);
    funding.setWitness(0, [Uint8Array.of(0x51)]);
    const { txid } = mempool.accept(funding.toBuffer());
    const spend = new Transaction();
    spend.version = 2;
    spend.addInput(txid, 0);
    spend.addInput(txid, 1);
    spend.addOutput(ANYONE_CAN_SPEND, 8n * COIN);
    const scriptCode = concatBytes(Uint8Array.of(0x76, 0xa9, 0x14), keyHash, Uint8Array.of(0x88, 0xac));
    const ecdsa = ecc.sign(spend.hashForWitnessV0(0, scriptCode, 5n * COIN, 1), secret);
    const schnorr = ecc.signSchnorr(
      spend.hashForWitnessV1(1, [p2wpkh, p2tr], [5n * COIN, 4n * COIN], 0),
      secret,
    );
    spend.setWitness(0, [scripts.signature.encode(ecdsa, 1), publicKey]);
    spend.setWitness(1, [schnorr]);
    return { chain, mempool, spend };
  }

  it("of P2WPKH and P2TR outputs are taken and mined", () => {
    const { chain, mempool, spend } = funded();
    expect(mempool.accept(spend.toBuffer())).toMatchObject({ fee: COIN, sigops: 1 });
    const transactions = selectTransactions(mempool.entries(), 4_000_000, 80_000);
    expect(chain.submit(minedBlock(chain, { transactions }))).toBeNull();
    expect(mempool.size).toBe(0);
  });

  it.each<[string, (tx: Transaction) => void]>([
    [
      "another amount",
      (tx) => {
        (tx.outs[0] as { value: bigint }).value -= 1n;
      },
    ],
    [
      "another key",
      (tx) => {
        tx.ins[0]?.witness.splice(1, 1, ecc.publicKey(new Uint8Array(32).fill(8)));
      },
    ],
    ["no witness", (tx) => tx.setWitness(0, [])],
    ["broken DER", (tx) => tx.setWitness(0, [new Uint8Array(71).fill(0x30), publicKey])],
    [
      "another hash type",
      (tx) => {
        (tx.ins[0]?.witness[0] as Uint8Array)[tx.ins[0]!.witness[0]!.length - 1] = 2;
      },
    ],
    [
      "a changed Schnorr signature",
      (tx) => {
        (tx.ins[1]?.witness[0] as Uint8Array)[0]! ^= 1;
      },
    ],
    [
      "a scriptSig",
      (tx) => {
        (tx.ins[1] as { script: Uint8Array }).script = Uint8Array.of(0x51);
      },
    ],
  ])("with %s are refused", (_name, change) => {
    const { mempool, spend } = funded();
    change(spend);
    expect(errorOf(() => mempool.accept(spend.toBuffer()))).toMatchObject({
      reason: expect.stringMatching(/^mempool-script-verify-flag-failed/),
    });
  });
});

describe("synthetic traffic", () => {
  it("keeps sending for ever from coins that anyone can spend, and every block of it is valid", () => {
    const { clock, chain, mempool } = world();
    const random = seededRandom(1);
    const traffic = startTraffic({ chain, mempool, clock, random, transactionsPerMinute: 60 });
    let sent = 0;
    for (let block = 0; block < 20; block++) {
      clock.advance(20_000);
      const transactions = selectTransactions(mempool.entries(), 3_992_000, 79_600);
      sent += transactions.length;
      expect(
        chain.submit(minedBlock(chain, { transactions, ntime: Math.floor(clock.now() / 1000) })),
      ).toBeNull();
      expect(mempool.size).toBe(0);
    }
    expect(sent).toBe(400);
    traffic.stop();
    clock.advance(60_000);
    expect(mempool.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it("stops at the bound when nobody mines", () => {
    const { clock, chain, mempool } = world();
    startTraffic({
      chain,
      mempool,
      clock,
      random: seededRandom(2),
      transactionsPerMinute: 6000,
      maxPending: 30,
    });
    clock.advance(10_000);
    expect(mempool.size).toBe(30);
  });
});
