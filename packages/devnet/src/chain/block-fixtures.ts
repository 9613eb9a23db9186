import { displayToInternal, equalBytes, WITNESS_COMMITMENT_HEADER } from "@lode/bitcoin";
import { Block, Transaction } from "bitcoinjs-lib";
import type { BlockEntry } from "./block-index.ts";
import { buildCandidate, type CandidateOptions, type CandidateTransaction, grind } from "./candidate.ts";
import type { Chain } from "./chain.ts";
import { ANYONE_CAN_SPEND, TRUE_SCRIPT } from "./spend-rules.ts";
import { transactionId } from "./transaction-rules.ts";

/**
 * A mined block for a chain with an easy target, on its tip unless `parent` says otherwise, paying to anyone. Its time is
 * `ntime`, or the earliest the parent allows.
 */
export function minedBlock(chain: Chain, options: Partial<CandidateOptions> = {}): Uint8Array {
  const parent = options.parent ?? chain.tip;
  const ntime = Math.max(options.ntime ?? 0, parent.medianTimePast + 1);
  const block = buildCandidate(chain.parameters, {
    payoutScript: ANYONE_CAN_SPEND,
    ...options,
    parent,
    ntime,
  });
  grind(block);
  return block;
}

/** Mines and submits `count` empty blocks one after another; the last one's entry. */
export function extendChain(chain: Chain, count: number, parent: BlockEntry = chain.tip): BlockEntry {
  let last = parent;
  for (let i = 0; i < count; i++) {
    const block = minedBlock(chain, { parent: last });
    chain.submit(block);
    last = chain.entry(Block.fromBuffer(block).getId()) as BlockEntry;
  }
  return last;
}

/** Names of coins that exist from the start and are unspent. */
export function faucetOutpoints(chain: Chain, count: number): string[] {
  return [...chain.coins].slice(0, count).map(([outpoint]) => outpoint);
}

/** Spends coins that anyone can spend into one output of `value` satoshi; what is left is the fee. */
export function spendAnyones(
  chain: Chain,
  outpoints: readonly string[],
  value: bigint,
): CandidateTransaction {
  const tx = new Transaction();
  tx.version = 2;
  for (const outpoint of outpoints) {
    tx.addInput(displayToInternal(outpoint.slice(0, 64)), Number(outpoint.slice(65)));
  }
  tx.addOutput(ANYONE_CAN_SPEND, value);
  for (const index of outpoints.keys()) tx.setWitness(index, [TRUE_SCRIPT]);
  const spent = outpoints.reduce((sum, outpoint) => sum + (chain.coins.get(outpoint)?.value ?? 0n), 0n);
  return { raw: tx.toBuffer(), txid: transactionId(tx), wtxid: tx.getHash(true), fee: spent - value };
}

/** What {@link tamper} repairs after the change. */
export interface TamperOptions {
  /** Recompute the witness commitment; false if absent. */
  commitment?: boolean;
  /** Recompute the merkle root; true if absent. */
  merkleRoot?: boolean;
  /** Search a new nonce; true if absent. */
  proofOfWork?: boolean;
}

/**
 * A copy of a block with something changed in it, and everything else made right again: how tests make blocks that are
 * wrong in one single way.
 */
export function tamper(
  raw: Uint8Array,
  change: (block: Block) => void,
  options: TamperOptions = {},
): Uint8Array {
  const block = Block.fromBuffer(raw);
  change(block);
  const transactions = block.transactions as Transaction[];
  if (options.commitment === true) recommit(block);
  if (options.merkleRoot !== false && transactions.length > 0) {
    block.merkleRoot = Block.calculateMerkleRoot(transactions);
  }
  const changed = block.toBuffer();
  if (options.proofOfWork !== false) grind(changed);
  return changed;
}

function recommit(block: Block): void {
  const output = block.transactions?.[0]?.outs.findLast(({ script }) =>
    equalBytes(script.subarray(0, 6), WITNESS_COMMITMENT_HEADER),
  );
  output?.script.set(Block.calculateMerkleRoot(block.transactions as Transaction[], true), 6);
}
