import { concatBytes } from "./bytes.ts";
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
