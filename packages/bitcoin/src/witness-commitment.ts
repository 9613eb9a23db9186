import { concatBytes } from "./bytes.ts";
import { coinbaseWithWitness } from "./coinbase.ts";
import { CompactSizeError, readCompactSize } from "./compact-size.ts";
import type { InternalHash } from "./hashes.ts";
import { merklePath, merkleRoot } from "./merkle.ts";
import { sha256d } from "./sha256d.ts";

/** Start of every witness commitment output's script: OP_RETURN, push of 36, magic (BIP141). */
export const WITNESS_COMMITMENT_HEADER = Uint8Array.of(0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed);

/**
 * Script (38 bytes) of the output that commits to a block's witnesses (BIP141).
 *
 * @param wtxids witness txids, internal order, of every transaction but the coinbase, in block order
 * @param reservedValue the coinbase's witness, 32 bytes, zeros by default
 */
export function witnessCommitmentScript(
  wtxids: readonly InternalHash[],
  reservedValue: Uint8Array = new Uint8Array(32),
): Uint8Array {
  // The coinbase's wtxid counts as zero.
  const root = merkleRoot(new Uint8Array(32), merklePath(wtxids));
  return concatBytes(WITNESS_COMMITMENT_HEADER, sha256d(concatBytes(root, reservedValue)));
}

/**
 * The coinbase as a block and SubmitSolution carry it: with its witness where an output commits to witnesses, stripped
 * where none does (Bitcoin Core refuses a witness there: unexpected-witness).
 *
 * @param strippedTx without BIP141 fields
 * @throws CoinbaseError `not-a-stripped-coinbase`
 */
export function coinbaseForBlock(strippedTx: Uint8Array): Uint8Array {
  return hasWitnessCommitment(strippedTx) ? coinbaseWithWitness(strippedTx) : strippedTx;
}

/** Version, input count and the null outpoint: what stands before the length of the scriptSig. */
const SCRIPT_SIG_AT = 4 + 1 + 36;

/** True when an output of a stripped coinbase is a witness commitment: 38 bytes or more with its header (BIP141). */
export function hasWitnessCommitment(strippedTx: Uint8Array): boolean {
  try {
    const scriptSig = readCompactSize(strippedTx, SCRIPT_SIG_AT);
    const outputs = readCompactSize(strippedTx, scriptSig.next + scriptSig.value + 4);
    let at = outputs.next;
    for (let index = 0; index < outputs.value; index++) {
      const script = readCompactSize(strippedTx, at + 8);
      at = script.next + script.value;
      if (script.value >= COMMITMENT_SIZE && isCommitment(strippedTx, script.next)) return true;
    }
    return false;
  } catch (error) {
    if (error instanceof CompactSizeError) return false;
    throw error;
  }
}

/** Header and hash. */
const COMMITMENT_SIZE = 38;

function isCommitment(bytes: Uint8Array, at: number): boolean {
  return WITNESS_COMMITMENT_HEADER.every((byte, index) => bytes[at + index] === byte);
}
