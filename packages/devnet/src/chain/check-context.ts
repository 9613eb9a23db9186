import { bip34Push, equalBytes, WITNESS_COMMITMENT_HEADER } from "@lode/bitcoin";
import { Block, type Transaction } from "bitcoinjs-lib";
import type { BlockEntry } from "./block-index.ts";
import { isFinal, MAX_BLOCK_WEIGHT } from "./transaction-rules.ts";

/** How far ahead of the clock a block's time may be, seconds. */
const MAX_FUTURE_BLOCK_TIME = 2 * 60 * 60;

/** Core `ContextualCheckBlockHeader`. Null when sound, else Core's reject reason. */
export function checkHeaderContext(
  block: Block,
  parent: BlockEntry,
  nbits: number,
  now: number,
): string | null {
  if (block.bits !== nbits) return "bad-diffbits";
  if (block.timestamp <= parent.medianTimePast) return "time-too-old";
  if (block.timestamp > now + MAX_FUTURE_BLOCK_TIME) return "time-too-new";
  // BIP34, BIP66 and BIP65 are active from the start.
  if (block.version < 4) return `bad-version(0x${(block.version >>> 0).toString(16).padStart(8, "0")})`;
  return null;
}

/** Core `ContextualCheckBlock`. Null when sound, else Core's reject reason. */
export function checkBlockContext(block: Block, parent: BlockEntry): string | null {
  const transactions = block.transactions as Transaction[];
  const height = parent.height + 1;
  if (!transactions.every((tx) => isFinal(tx, height, parent.medianTimePast))) return "bad-txns-nonfinal";
  const expected = bip34Push(height);
  const scriptSig = transactions[0]?.ins[0]?.script as Uint8Array;
  if (!equalBytes(scriptSig.subarray(0, expected.length), expected)) return "bad-cb-height";
  const reason = checkWitnessCommitment(block);
  if (reason !== null) return reason;
  return block.weight() > MAX_BLOCK_WEIGHT ? "bad-blk-weight" : null;
}

/** Core `CheckWitnessMalleation` (BIP141). */
function checkWitnessCommitment(block: Block): string | null {
  const commitment = committedHash(block);
  if (commitment === undefined) return block.hasWitness() ? "unexpected-witness" : null;
  const witness = coinbaseInput(block).witness;
  if (witness.length !== 1 || witness[0]?.length !== 32) return "bad-witness-nonce-size";
  const actual = Block.calculateMerkleRoot(block.transactions as Transaction[], true);
  return equalBytes(actual, commitment) ? null : "bad-witness-merkle-match";
}

/** The hash in the coinbase's last commitment output, if it has one. */
function committedHash(block: Block): Uint8Array | undefined {
  const isCommitment = ({ script }: { script: Uint8Array }) =>
    script.length >= 38 && equalBytes(script.subarray(0, 6), WITNESS_COMMITMENT_HEADER);
  return block.transactions?.[0]?.outs.findLast(isCommitment)?.script.subarray(6, 38);
}

/** Core `UpdateUncommittedBlockStructures`: `submitblock` adds the reserved value that a coinbase forgot to carry. */
export function addMissingCoinbaseWitness(block: Block): void {
  if (block.transactions?.[0]?.ins[0] === undefined || committedHash(block) === undefined) return;
  const input = coinbaseInput(block);
  if (input.witness.length === 0) input.witness = [new Uint8Array(32)];
}

function coinbaseInput(block: Block): Transaction["ins"][number] {
  return block.transactions?.[0]?.ins[0] as Transaction["ins"][number];
}

/** Reasons that say the bytes around a header were tampered with, not that the header's block is bad (Core `BLOCK_MUTATED`). */
export function isMutation(reason: string): boolean {
  return reason.startsWith("bad-witness-") || reason === "unexpected-witness";
}
