import { createHash } from "node:crypto";
import type { Rational } from "../pplns/index.ts";

/** Everything that a sealed slice commits to. Its hash is the next slice's `previousHash`. */
export interface SliceHeader {
  /** Counts slices from 0. */
  readonly seq: number;
  /** Hash of the slice before, 32 bytes; zeros for slice 0. */
  readonly previousHash: Uint8Array;
  /** Hash of the block that its jobs build on, 32 bytes in internal order. */
  readonly prevHash: Uint8Array;
  /** Height that its jobs would get. */
  readonly height: number;
  /** The network's target in compact form, u32. */
  readonly nbits: number;
  /** Milliseconds since the epoch by the database's clock. They explain and decide nothing. */
  readonly openedAt: number;
  readonly sealedAt: number;
  /** Shares. */
  readonly count: number;
  /** True work that fills windows; solo work does not. */
  readonly windowWork: bigint;
  readonly trueWork: bigint;
  readonly creditedWork: bigint;
  /** Root of the Merkle-sum tree over its rows, 32 bytes. */
  readonly merkleRoot: Uint8Array;
  /** Length of the window that blocks of this slice are paid over, in expected blocks. */
  readonly n: Rational;
  /** The fee terms in force. */
  readonly policyVersion: number;
  /** True when it holds shares of an earlier tip, of a run that had been given up. */
  readonly late: boolean;
}

const TAG = "lode slice 1";

/** SHA-256 over the tag and the fields in their order; integers big-endian (u64, work and fractions 32 bytes). */
export function sliceHash(header: SliceHeader): Uint8Array {
  const hash = createHash("sha256").update(TAG);
  hash.update(u64(header.seq)).update(header.previousHash).update(header.prevHash);
  for (const number of [header.height, header.nbits, header.openedAt, header.sealedAt, header.count]) {
    hash.update(u64(number));
  }
  for (const work of [header.windowWork, header.trueWork, header.creditedWork]) hash.update(u256(work));
  hash.update(header.merkleRoot).update(u256(header.n.num)).update(u256(header.n.den));
  return hash
    .update(u64(header.policyVersion))
    .update(u64(header.late ? 1 : 0))
    .digest();
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function u256(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex");
}
