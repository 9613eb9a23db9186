import {
  addressOfScript,
  difficultyOfTarget,
  internalToDisplay,
  targetFromNbits,
  targetToBytes,
} from "@lode/bitcoin";
import { Block, type Transaction } from "bitcoinjs-lib";
import type { BlockEntry } from "../chain/block-index.ts";
import { transactionId } from "../chain/transaction-rules.ts";
import type { NodeState } from "./node-state.ts";

/** A header as getblockheader shows it. */
export function headerJson(node: NodeState, entry: BlockEntry) {
  const { header, parent } = entry;
  const active = node.chain.isActive(entry);
  const next = active ? node.chain.entryAt(entry.height + 1) : undefined;
  return {
    hash: entry.hash,
    confirmations: active ? node.chain.tip.height - entry.height + 1 : -1,
    height: entry.height,
    version: header.version | 0,
    versionHex: header.version.toString(16).padStart(8, "0"),
    merkleroot: internalToDisplay(header.merkleRoot),
    time: header.ntime,
    mediantime: entry.medianTimePast,
    nonce: header.nonce,
    ...targetJson(header.nbits),
    chainwork: entry.chainWork.toString(16).padStart(64, "0"),
    nTx: entry.transactionCount,
    ...(parent && { previousblockhash: parent.hash }),
    ...(next && { nextblockhash: next.hash }),
  };
}

/** A compact target in the three ways in which nodes show it. */
export function targetJson(nbits: number) {
  const target = targetFromNbits(nbits);
  return {
    bits: nbits.toString(16).padStart(8, "0"),
    target: internalToDisplay(targetToBytes(target)),
    difficulty: difficultyOfTarget(target),
  };
}

/** A block as getblock shows it; `transactions` as objects instead of txids with `verbosity` 2. */
export function blockJson(node: NodeState, entry: BlockEntry, raw: Uint8Array, verbosity: number) {
  const block = Block.fromBuffer(raw);
  const transactions = block.transactions as Transaction[];
  return {
    ...headerJson(node, entry),
    strippedsize: block.byteLength(false, false),
    size: raw.length,
    weight: block.weight(),
    tx: transactions.map((tx) =>
      verbosity === 1 ? internalToDisplay(transactionId(tx)) : transactionJson(tx),
    ),
  };
}

/** A transaction as getrawtransaction shows it. */
export function transactionJson(tx: Transaction) {
  return {
    txid: internalToDisplay(transactionId(tx)),
    hash: internalToDisplay(tx.getHash(tx.hasWitnesses() && !tx.isCoinbase())),
    version: tx.version,
    size: tx.byteLength(),
    vsize: tx.virtualSize(),
    weight: tx.weight(),
    locktime: tx.locktime,
    vin: tx.ins.map((input) => ({
      ...(tx.isCoinbase()
        ? { coinbase: hex(input.script) }
        : { txid: internalToDisplay(input.hash), vout: input.index, scriptSig: { hex: hex(input.script) } }),
      ...(input.witness.length > 0 && { txinwitness: input.witness.map(hex) }),
      sequence: input.sequence,
    })),
    vout: tx.outs.map(({ value, script }, n) => ({
      value: coins(value),
      n,
      scriptPubKey: scriptJson(script),
    })),
    hex: tx.toHex(),
  };
}

/** An output script as nodes show it. */
export function scriptJson(script: Uint8Array) {
  const address = addressOfScript(script, "regtest");
  return { hex: hex(script), ...(address !== undefined && { address }) };
}

/** Satoshi as the coins RPC speaks of. Only ever for display. */
export function coins(satoshi: bigint): number {
  return Number(satoshi) / 1e8;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
