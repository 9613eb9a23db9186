import type { Block, Transaction } from "bitcoinjs-lib";
import { type Coin, type CoinView, outpointKey } from "./coins.ts";
import { type ChainParameters, subsidyAt } from "./parameters.ts";
import { checkSpends, witnessSigops } from "./spend-rules.ts";
import { checkInputs, legacySigops, MAX_BLOCK_SIGOPS_COST } from "./transaction-rules.ts";

/**
 * Core `ConnectBlock`: inputs, fees, scripts and the coinbase's value of a block on top of `view`. Null when it may be
 * connected, else Core's reject reason. Relative lock times (BIP68) are not looked at.
 *
 * @param txids of the block's transactions, internal order
 */
export function checkConnect(
  block: Block,
  txids: readonly Uint8Array[],
  height: number,
  view: CoinView,
  parameters: ChainParameters,
): string | null {
  const transactions = block.transactions as Transaction[];
  const inBlock = new BlockView(view);
  let fees = 0n;
  let sigopsCost = 0;
  let scriptError: string | null = null;
  for (const [position, tx] of transactions.entries()) {
    const txid = txids[position] as Uint8Array;
    if (tx.outs.some((_, index) => inBlock.get(outpointKey(txid, index)) !== undefined))
      return "bad-txns-BIP30";
    sigopsCost += legacySigops(tx) * 4;
    if (position > 0) {
      const verdict = checkInputs(tx, inBlock, height, parameters.coinbaseMaturity);
      if (verdict.reason !== null) return verdict.reason;
      fees += verdict.fee;
      sigopsCost += witnessSigops(verdict.coins);
      scriptError ??= checkSpends(tx, verdict.coins);
    }
    if (sigopsCost > MAX_BLOCK_SIGOPS_COST) return "bad-blk-sigops";
    inBlock.connect(tx, txid, height, position === 0);
  }
  const created = transactions[0]?.outs.reduce((sum, output) => sum + output.value, 0n) as bigint;
  if (created > subsidyAt(height, parameters) + fees) return "bad-cb-amount";
  return scriptError === null ? null : `block-script-verify-flag-failed (${scriptError})`;
}

/** Coins as they are in the middle of a block. */
class BlockView implements CoinView {
  readonly #below: CoinView;
  readonly #changes = new Map<string, Coin | undefined>();

  constructor(below: CoinView) {
    this.#below = below;
  }

  get(outpoint: string): Coin | undefined {
    return this.#changes.has(outpoint) ? this.#changes.get(outpoint) : this.#below.get(outpoint);
  }

  connect(tx: Transaction, txid: Uint8Array, height: number, coinbase: boolean): void {
    for (const input of tx.ins) this.#changes.set(outpointKey(input.hash, input.index), undefined);
    tx.outs.forEach(({ value, script }, index) => {
      this.#changes.set(outpointKey(txid, index), { value, script, height, coinbase });
    });
  }
}
