import {
  assembleBlock,
  bip34Push,
  buildCoinbase,
  bytesToTarget,
  coinbaseWithWitness,
  concatBytes,
  displayToInternal,
  merklePath,
  merkleRoot,
  serializeHeader,
  serializeOutput,
  sha256d,
  targetFromNbits,
  witnessCommitmentScript,
} from "@lode/bitcoin";
import type { BlockEntry } from "./block-index.ts";
import { type ChainParameters, subsidyAt } from "./parameters.ts";

/** A transaction as block builders need it. Hashes in internal order. */
export interface CandidateTransaction {
  raw: Uint8Array;
  txid: Uint8Array;
  wtxid: Uint8Array;
  /** Satoshi. */
  fee: bigint;
}

/** What {@link buildCandidate} puts together. */
export interface CandidateOptions {
  parent: BlockEntry;
  /** Receives subsidy and fees. */
  payoutScript: Uint8Array;
  transactions?: readonly CandidateTransaction[];
  /** Seconds. */
  ntime: number;
  /** Makes siblings differ; up to 20 bytes. */
  extranonce?: Uint8Array;
}

/** A complete block on `parent`, all but its nonce. */
export function buildCandidate(parameters: ChainParameters, options: CandidateOptions): Uint8Array {
  const { parent, transactions = [], extranonce = new Uint8Array(0) } = options;
  const height = parent.height + 1;
  const fees = transactions.reduce((sum, { fee }) => sum + fee, 0n);
  const coinbase = buildCoinbase({
    version: 2,
    prefix: bip34Push(height),
    tag: new Uint8Array(0),
    unique: new Uint8Array(0),
    extranonceSize: 20,
    sequence: 0xffff_fffe,
    outputs: concatBytes(
      serializeOutput(subsidyAt(height, parameters) + fees, options.payoutScript),
      serializeOutput(0n, witnessCommitmentScript(transactions.map(({ wtxid }) => wtxid))),
    ),
    outputsCount: 2,
    locktime: height - 1,
  });
  const padding = new Uint8Array(20 - extranonce.length);
  const stripped = concatBytes(coinbase.prefix, extranonce, padding, coinbase.suffix);
  const header = serializeHeader({
    version: 0x2000_0000,
    prevHash: displayToInternal(parent.hash),
    merkleRoot: merkleRoot(sha256d(stripped), merklePath(transactions.map(({ txid }) => txid))),
    ntime: options.ntime,
    nbits: parameters.nbits,
    nonce: 0,
  });
  return assembleBlock(
    header,
    coinbaseWithWitness(stripped),
    transactions.map(({ raw }) => raw),
  );
}

/**
 * Searches a nonce for the block's own nbits and writes it into the block. Blocks the event loop: for easy targets.
 *
 * @returns false when none of the first `maxTries` nonces is one
 */
export function grind(block: Uint8Array, maxTries = 1_000_000): boolean {
  const header = block.subarray(0, 80);
  const view = new DataView(block.buffer, block.byteOffset, 80);
  const target = targetFromNbits(view.getUint32(72, true));
  for (let nonce = 0; nonce < maxTries; nonce++) {
    view.setUint32(76, nonce, true);
    if (bytesToTarget(sha256d(header)) <= target) return true;
  }
  return false;
}
