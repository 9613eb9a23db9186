import {
  assembleBlock,
  bip34Push,
  concatBytes,
  encodeCompactSize,
  networks,
  sha256d,
  witnessCommitmentScript,
} from "@lode/bitcoin";
import { SIGNET_NONCES } from "./signet-nonces.ts";

/**
 * Key of the coins in the prepared chain, for a node's wallet: the SHA-256 of "Lode interop: coins of nobody". They are worth
 * nothing, and everybody has the key.
 */
export const SIGNET_KEY = "cRxBh4PG3LKFfMxKFxLRsJ7EBNCZfJYpMMHXH8y3E7qg27NCxr5B";
/** P2WPKH script of {@link SIGNET_KEY}. */
const SCRIPT = Buffer.from("001483f39c5e6ffb0490b599204a82c5a3981c030275", "hex");

/** Difficulty 0.0011, 4.8 million hashes: the easiest that a signet has, and harder than a CPU miner's shares. */
export const SIGNET_NBITS = 0x1e03_77ae;
const GENESIS_TIME = 1_598_918_400;
const SPACING = 600;
const SUBSIDY = 5_000_000_000n;
const HEADER_SIZE = 80;
const NONCE_OFFSET = 76;

/** A block as it goes to submitblock, and its hash as the next header names it. */
export interface SignetBlock {
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
}

/** Hash of block 0, as headers name it. */
export const SIGNET_GENESIS: Uint8Array = Buffer.from(networks.signet.genesis, "hex").reverse();

/**
 * The prepared chain from block 1 on. Its blocks are empty and everything in them but the nonces follows from their heights,
 * so that the nonces alone are kept. Valid on every signet whose challenge is OP_TRUE.
 */
export function signetBlocks(): SignetBlock[] {
  const blocks: SignetBlock[] = [];
  let previous = SIGNET_GENESIS;
  for (const [index, nonce] of SIGNET_NONCES.entries()) {
    const { header, coinbase } = signetCandidate(index + 1, previous);
    new DataView(header.buffer).setUint32(NONCE_OFFSET, nonce, true);
    previous = sha256d(header);
    blocks.push({ bytes: assembleBlock(header, coinbase, []), hash: previous });
  }
  return blocks;
}

/** The only header that fits at a height of the prepared chain, its nonce still 0, and its coinbase transaction. */
export function signetCandidate(
  height: number,
  previous: Uint8Array,
): { header: Uint8Array; coinbase: Uint8Array } {
  const scriptSig = concatBytes(bip34Push(height), Buffer.from("\x04Lode", "latin1"));
  const commitment = witnessCommitmentScript([]);
  const input = concatBytes(
    ...[Uint8Array.of(1), new Uint8Array(32), u32(0xffff_ffff)],
    ...[Uint8Array.of(scriptSig.length), scriptSig, u32(0xffff_ffff)],
  );
  const outputs = concatBytes(
    ...[Uint8Array.of(2), u64(SUBSIDY), encodeCompactSize(SCRIPT.length), SCRIPT],
    ...[u64(0n), encodeCompactSize(commitment.length), commitment],
  );
  const witness = concatBytes(Uint8Array.of(1, 32), new Uint8Array(32));
  const [version, locktime] = [u32(2), u32(0)];
  const stripped = concatBytes(version, input, outputs, locktime);
  const coinbase = concatBytes(version, Uint8Array.of(0, 1), input, outputs, witness, locktime);
  const header = new Uint8Array(HEADER_SIZE);
  const time = GENESIS_TIME + height * SPACING;
  header.set(
    concatBytes(u32(0x2000_0000), previous, sha256d(stripped), u32(time), u32(SIGNET_NBITS), u32(0)),
  );
  return { header, coinbase };
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function u64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}
