import { internalToDisplay, sha256d } from "@lode/bitcoin";
import type { Transaction } from "bitcoinjs-lib";
import type { CandidateTransaction } from "../chain/candidate.ts";
import { type Coin, outpointKey } from "../chain/coins.ts";

/** An unconfirmed transaction. */
export interface MempoolEntry extends CandidateTransaction {
  readonly tx: Transaction;
  /** Displayed txid. */
  readonly id: string;
  readonly weight: number;
  /** Signature operations in cost units. */
  readonly sigops: number;
  /** Names of the outputs it spends. */
  readonly spends: readonly string[];
  /** Unconfirmed transactions it spends from. */
  readonly parents: readonly MempoolEntry[];
  /** Milliseconds since the epoch. */
  readonly addedAt: number;
}

/** Builds the entry of a checked transaction. */
export function mempoolEntry(
  tx: Transaction,
  checked: {
    txid: Uint8Array;
    fee: bigint;
    sigops: number;
    parents: readonly MempoolEntry[];
    addedAt: number;
  },
): MempoolEntry {
  const raw = tx.toBuffer();
  return {
    ...checked,
    tx,
    raw,
    id: internalToDisplay(checked.txid),
    wtxid: sha256d(raw),
    weight: tx.weight(),
    spends: tx.ins.map((input) => outpointKey(input.hash, input.index)),
  };
}

/** Outputs a transaction makes, as coins of the next block. */
export function* createdCoins(
  entry: MempoolEntry,
  height: number,
): Generator<[outpoint: string, coin: Coin]> {
  for (const [index, { value, script }] of entry.tx.outs.entries()) {
    yield [outpointKey(entry.txid, index), { value, script, height, coinbase: false }];
  }
}
