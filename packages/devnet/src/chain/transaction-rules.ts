import { sha256d } from "@lode/bitcoin";
import type { Transaction } from "bitcoinjs-lib";
import type { Coin, CoinView } from "./coins.ts";
import { outpointKey } from "./coins.ts";

/** Consensus limit of a block's weight (BIP141). */
export const MAX_BLOCK_WEIGHT = 4_000_000;
/** Consensus limit of a block's signature operations, in cost units (BIP141). */
export const MAX_BLOCK_SIGOPS_COST = 80_000;
const MAX_MONEY = 2_100_000_000_000_000n;
const LOCKTIME_THRESHOLD = 500_000_000;

/** Core `CheckTransaction`: what a transaction alone can get wrong. Null when sound, else Core's reject reason. */
export function checkTransaction(tx: Transaction): string | null {
  if (tx.ins.length === 0) return "bad-txns-vin-empty";
  if (tx.outs.length === 0) return "bad-txns-vout-empty";
  if (tx.byteLength(false) * 4 > MAX_BLOCK_WEIGHT) return "bad-txns-oversize";
  let total = 0n;
  for (const { value } of tx.outs) {
    if (value < 0n) return "bad-txns-vout-negative";
    if (value > MAX_MONEY) return "bad-txns-vout-toolarge";
    total += value;
    if (total > MAX_MONEY) return "bad-txns-txouttotal-toolarge";
  }
  const spent = new Set(tx.ins.map((input) => outpointKey(input.hash, input.index)));
  if (spent.size !== tx.ins.length) return "bad-txns-inputs-duplicate";
  if (isCoinbase(tx)) {
    const length = tx.ins[0]?.script.length as number;
    return length < 2 || length > 100 ? "bad-cb-length" : null;
  }
  return tx.ins.some(isNullOutpoint) ? "bad-txns-prevout-null" : null;
}

/** Core `CTransaction::IsCoinBase`: one input, and it spends nothing (index included, unlike bitcoinjs-lib's). */
export function isCoinbase(tx: Transaction): boolean {
  return tx.ins.length === 1 && isNullOutpoint(tx.ins[0] as Transaction["ins"][number]);
}

function isNullOutpoint(input: Transaction["ins"][number]): boolean {
  return input.index === 0xffff_ffff && input.hash.every((byte) => byte === 0);
}

/**
 * Core `IsFinalTx`.
 *
 * @param height of the block that would hold it
 * @param time median time past of that block's parent (BIP113)
 */
export function isFinal(tx: Transaction, height: number, time: number): boolean {
  if (tx.locktime === 0) return true;
  if (tx.locktime < (tx.locktime < LOCKTIME_THRESHOLD ? height : time)) return true;
  return tx.ins.every((input) => input.sequence === 0xffff_ffff);
}

/** A transaction's inputs, found and counted. */
export type InputsVerdict = { reason: string } | { reason: null; fee: bigint; coins: Coin[] };

/** Core `CheckTxInputs`: inputs exist, are mature, and pay for the outputs. */
export function checkInputs(
  tx: Transaction,
  view: CoinView,
  height: number,
  coinbaseMaturity: number,
): InputsVerdict {
  const coins: Coin[] = [];
  for (const input of tx.ins) {
    const coin = view.get(outpointKey(input.hash, input.index));
    if (coin === undefined) return { reason: "bad-txns-inputs-missingorspent" };
    coins.push(coin);
  }
  let fee = 0n;
  for (const coin of coins) {
    if (coin.coinbase && height - coin.height < coinbaseMaturity) {
      return { reason: "bad-txns-premature-spend-of-coinbase" };
    }
    fee += coin.value;
  }
  for (const output of tx.outs) fee -= output.value;
  return fee < 0n ? { reason: "bad-txns-in-belowout" } : { reason: null, fee, coins };
}

/** Signature operations in every script of a transaction, counted without looking at what they spend (pre-BIP141). */
export function legacySigops(tx: Transaction): number {
  let count = 0;
  for (const { script } of tx.ins) count += scriptSigops(script);
  for (const { script } of tx.outs) count += scriptSigops(script);
  return count;
}

/** Core `CScript::GetSigOpCount(false)`. */
function scriptSigops(script: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < script.length; at++) {
    const opcode = script[at] as number;
    if (opcode < 0x4c) at += opcode;
    else if (opcode <= 0x4e) {
      const sizeBytes = 1 << (opcode - 0x4c);
      let size = 0;
      for (let i = 0; i < sizeBytes; i++) size += (script[at + 1 + i] ?? 0) * 256 ** i;
      at += sizeBytes + size;
    } else if (opcode === 0xac || opcode === 0xad) count += 1;
    else if (opcode === 0xae || opcode === 0xaf) count += 20;
  }
  return count;
}

/** Txid of a transaction, internal order: the hash of its serialization without witnesses. */
export function transactionId(tx: Transaction): Uint8Array {
  if (!tx.hasWitnesses()) return sha256d(tx.toBuffer());
  const stripped = tx.clone();
  stripped.stripWitnesses();
  return sha256d(stripped.toBuffer());
}
