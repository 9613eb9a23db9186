import { Block } from "bitcoinjs-lib";
import {
  checkTransaction,
  isCoinbase,
  legacySigops,
  MAX_BLOCK_SIGOPS_COST,
  MAX_BLOCK_WEIGHT,
} from "./transaction-rules.ts";

/**
 * A block from its serialization; undefined when it is none. Stricter than a node: bytes that do not serialize back to
 * themselves (a longer CompactSize, something behind the block) are refused too.
 */
export function decodeBlock(raw: Uint8Array): Block | undefined {
  try {
    const block = Block.fromBuffer(raw);
    const canonical = block.transactions !== undefined && Buffer.compare(block.toBuffer(), raw) === 0;
    return canonical ? block : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Core `CheckBlock`: what is right or wrong wherever the block stands. Null when sound, else Core's reject reason. A block
 * that fails here is not remembered as invalid: the same header may belong to a sound one.
 *
 * @param proofOfWork false for proposals, which have none
 */
export function checkBlock(block: Block, { proofOfWork }: { proofOfWork: boolean }): string | null {
  const transactions = block.transactions ?? [];
  if (proofOfWork && !block.checkProofOfWork()) return "high-hash";
  if (transactions.length > 0) {
    const mutated = { value: false };
    const root = Block.calculateMerkleRoot(transactions, false, mutated);
    if (Buffer.compare(root, block.merkleRoot as Uint8Array) !== 0) return "bad-txnmrklroot";
    // CVE-2012-2459
    if (mutated.value) return "bad-txns-duplicate";
  }
  if (transactions.length === 0 || block.byteLength(false, false) * 4 > MAX_BLOCK_WEIGHT)
    return "bad-blk-length";
  if (!transactions.slice(0, 1).every(isCoinbase)) return "bad-cb-missing";
  if (transactions.slice(1).some(isCoinbase)) return "bad-cb-multiple";
  for (const tx of transactions) {
    const reason = checkTransaction(tx);
    if (reason !== null) return reason;
  }
  const sigops = transactions.reduce((sum, tx) => sum + legacySigops(tx), 0);
  return sigops * 4 > MAX_BLOCK_SIGOPS_COST ? "bad-blk-sigops" : null;
}
