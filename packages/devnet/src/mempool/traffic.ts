import { concatBytes, displayToInternal, equalBytes } from "@lode/bitcoin";
import type { Clock, Random } from "@lode/ports";
import { Transaction } from "bitcoinjs-lib";
import type { Chain } from "../chain/chain.ts";
import { type Coin, outpointKey } from "../chain/coins.ts";
import { ANYONE_CAN_SPEND, TRUE_SCRIPT } from "../chain/spend-rules.ts";
import { type Mempool, MempoolError } from "./mempool.ts";

/** Coins taken from the chain at a time. */
const MAX_COINS = 64;
/** Coins below this are left alone, satoshi. */
const MIN_VALUE = 10_000n;
/** Random satoshi on top of the smallest fee, which is 500. */
const FEE_SPREAD = 5_000;

/** How much happens on the chain. */
export interface TrafficOptions {
  chain: Chain;
  mempool: Mempool;
  clock: Clock;
  random: Random;
  transactionsPerMinute: number;
  /** No new transaction while this many wait; 500 if absent. */
  maxPending?: number;
}

/**
 * Sends transactions with fees and witnesses from and to coins that anyone can spend, so that blocks have something to
 * commit to. Returns how to stop it.
 */
export function startTraffic(options: TrafficOptions): { stop(): void } {
  const { chain, mempool, maxPending = 500 } = options;
  const outpoints: string[] = [];
  const send = () => {
    if (mempool.size >= maxPending) return;
    if (outpoints.length === 0) outpoints.push(...spendableOutpoints(chain, mempool));
    const outpoint = outpoints.shift();
    const coin = outpoint === undefined ? undefined : mempool.get(outpoint);
    if (outpoint === undefined || coin === undefined || coin.value < MIN_VALUE) return;
    try {
      const { txid } = mempool.accept(trafficTransaction(outpoint, coin, options.random));
      outpoints.push(outpointKey(txid, 0));
    } catch (error) {
      // The coin is looked for again when the others are used up.
      if (!(error instanceof MempoolError)) throw error;
    }
  };
  const timer = options.clock.every(60_000 / options.transactionsPerMinute, send);
  return { stop: () => timer.cancel() };
}

/** Serialized spend of a coin that anyone can spend: change in output 0, some random data in output 1. */
function trafficTransaction(outpoint: string, coin: Coin, random: Random): Uint8Array {
  const [first = 0, second = 0, third = 0] = random(3);
  const fee = 500n + BigInt((first * 256 + second) % FEE_SPREAD);
  const data = random(8 + (third % 64));
  const tx = new Transaction();
  tx.version = 2;
  tx.addInput(displayToInternal(outpoint.slice(0, 64)), Number(outpoint.slice(65)));
  tx.addOutput(ANYONE_CAN_SPEND, coin.value - fee);
  tx.addOutput(concatBytes(Uint8Array.of(0x6a, data.length), data), 0n);
  tx.setWitness(0, [TRUE_SCRIPT]);
  return tx.toBuffer();
}

function spendableOutpoints(chain: Chain, mempool: Mempool): string[] {
  const found: string[] = [];
  for (const [outpoint, coin] of chain.coins) {
    if (found.length === MAX_COINS) break;
    if (
      equalBytes(coin.script, ANYONE_CAN_SPEND) &&
      !coin.coinbase &&
      coin.value >= MIN_VALUE &&
      mempool.get(outpoint) !== undefined
    ) {
      found.push(outpoint);
    }
  }
  return found;
}
