import { internalToDisplay } from "@lode/bitcoin";
import type { Block } from "bitcoinjs-lib";

/** An unspent output. */
export interface Coin {
  /** Satoshi. */
  value: bigint;
  script: Uint8Array;
  /** Height of the block that made it. */
  height: number;
  coinbase: boolean;
}

/** Where coins are looked up: the chain's set, or one with a mempool on top. */
export interface CoinView {
  get(outpoint: string): Coin | undefined;
}

/** Coins a block spent, in order: what taking it back needs. */
export type Undo = readonly (readonly [outpoint: string, coin: Coin])[];

/** Name of an output: displayed txid, colon, index. `txid` is in internal order. */
export function outpointKey(txid: Uint8Array, index: number): string {
  return `${internalToDisplay(txid)}:${index}`;
}

/** The unspent outputs at the tip. */
export class CoinSet implements CoinView {
  readonly #coins = new Map<string, Coin>();

  get size(): number {
    return this.#coins.size;
  }

  get(outpoint: string): Coin | undefined {
    return this.#coins.get(outpoint);
  }

  [Symbol.iterator](): IterableIterator<[string, Coin]> {
    return this.#coins.entries();
  }

  add(outpoint: string, coin: Coin): void {
    this.#coins.set(outpoint, coin);
  }

  /** Spends and creates what a checked block says. */
  apply(block: Block, txids: readonly Uint8Array[], height: number): Undo {
    const undo: [string, Coin][] = [];
    block.transactions?.forEach((tx, position) => {
      if (position > 0) {
        for (const input of tx.ins) {
          const outpoint = outpointKey(input.hash, input.index);
          undo.push([outpoint, this.#coins.get(outpoint) as Coin]);
          this.#coins.delete(outpoint);
        }
      }
      tx.outs.forEach((output, index) => {
        if (isUnspendable(output.script)) return;
        const coin = { value: output.value, script: output.script, height, coinbase: position === 0 };
        this.#coins.set(outpointKey(txids[position] as Uint8Array, index), coin);
      });
    });
    return undo;
  }

  /** Takes back what {@link CoinSet.apply} did for the same block. */
  revert(block: Block, txids: readonly Uint8Array[], undo: Undo): void {
    block.transactions?.forEach((tx, position) => {
      tx.outs.forEach((_, index) => {
        this.#coins.delete(outpointKey(txids[position] as Uint8Array, index));
      });
    });
    const created = new Set(txids.map(internalToDisplay));
    for (const [outpoint, coin] of undo) {
      // An output made and spent inside the block was never there before it.
      if (!created.has(outpoint.slice(0, 64))) this.#coins.set(outpoint, coin);
    }
  }
}

/** OP_RETURN outputs carry data, never money. */
function isUnspendable(script: Uint8Array): boolean {
  return script[0] === 0x6a;
}
