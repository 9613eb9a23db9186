import { createHash, createHmac } from "node:crypto";

/** What a node of the tree commits to beside its hash. */
export interface WorkSum {
  /** Shares. */
  readonly count: bigint;
  /** Expected hashes. */
  readonly trueWork: bigint;
  readonly creditedWork: bigint;
}

/** A row of a slice as it is published: nobody but its owner knows whose it is. */
export interface SliceRow extends WorkSum {
  /** 32 bytes, see {@link pseudonym}. */
  readonly pseudonym: Uint8Array;
}

/** A node: its hash and the sums below it. */
export interface SumNode extends WorkSum {
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

/** One step from a leaf to the root. */
export interface ProofStep {
  /** Where the sibling stands. */
  readonly side: "left" | "right";
  readonly sibling: SumNode;
}

const NO_ROWS: SumNode = { hash: new Uint8Array(32), count: 0n, trueWork: 0n, creditedWork: 0n };

/** The name of an account in one slice and class: HMAC-SHA256(salt, seq u64 || class u8), integers big-endian. */
export function pseudonym(salt: Uint8Array, seq: number, feeClass: number): Uint8Array {
  const message = Buffer.alloc(9);
  message.writeBigUInt64BE(BigInt(seq), 0);
  message.writeUInt8(feeClass, 8);
  return createHmac("sha256", salt).update(message).digest();
}

/** The order of a slice's rows. */
export function byPseudonym(a: Pick<SliceRow, "pseudonym">, b: Pick<SliceRow, "pseudonym">): number {
  return Buffer.compare(a.pseudonym, b.pseudonym);
}

/** Root of a slice's Merkle-sum tree over rows that stand in the order of {@link byPseudonym}. */
export function merkleSumRoot(rows: readonly SliceRow[]): SumNode {
  let level = rows.map(leaf);
  while (level.length > 1) level = parents(level);
  return level[0] ?? NO_ROWS;
}

/** The way from a row to the root. @throws RangeError for a row that is not there */
export function merkleSumProof(rows: readonly SliceRow[], index: number): ProofStep[] {
  if (rows[index] === undefined) throw new RangeError("the slice has no such row");
  const steps: ProofStep[] = [];
  let level = rows.map(leaf);
  for (let at = index; level.length > 1; at >>= 1) {
    const sibling = level[at ^ 1];
    if (sibling !== undefined) steps.push({ side: at % 2 === 1 ? "left" : "right", sibling });
    level = parents(level);
  }
  return steps;
}

/** The root that a proof leads to: equal to the slice's root, sums included, when the row is part of the slice. */
export function rootOfProof(row: SliceRow, index: number, steps: readonly ProofStep[]): SumNode {
  return steps.reduce(
    (node, { side, sibling }) => (side === "left" ? parent(sibling, node) : parent(node, sibling)),
    leaf(row, index),
  );
}

/** SHA-256(00 || index u32 || pseudonym 32 || count u32 || true work 32 || credited work 32), big-endian. */
function leaf(row: SliceRow, index: number): SumNode {
  const bytes = Buffer.alloc(1 + 4 + 32 + 4 + 32 + 32);
  bytes.writeUInt32BE(index, 1);
  bytes.set(row.pseudonym, 5);
  bytes.writeUInt32BE(Number(row.count), 37);
  writeWork(bytes, row.trueWork, 41);
  writeWork(bytes, row.creditedWork, 73);
  const { count, trueWork, creditedWork } = row;
  return { hash: sha256(bytes), count, trueWork, creditedWork };
}

/** Two by two; the last of an odd number moves up as it is. */
function parents(level: readonly SumNode[]): SumNode[] {
  const next: SumNode[] = [];
  for (let at = 0; at < level.length; at += 2) {
    const right = level[at + 1];
    next.push(right === undefined ? level[at]! : parent(level[at]!, right));
  }
  return next;
}

const NODE_SIZE = 32 + 8 + 32 + 32;

/** SHA-256(01 || left || right), each as hash 32 || count u64 || true work 32 || credited work 32, big-endian. */
function parent(left: SumNode, right: SumNode): SumNode {
  const bytes = Buffer.alloc(1 + 2 * NODE_SIZE);
  bytes.writeUInt8(1, 0);
  for (const [node, at] of [
    [left, 1],
    [right, 1 + NODE_SIZE],
  ] as const) {
    bytes.set(node.hash, at);
    bytes.writeBigUInt64BE(node.count, at + 32);
    writeWork(bytes, node.trueWork, at + 40);
    writeWork(bytes, node.creditedWork, at + 72);
  }
  return {
    hash: sha256(bytes),
    count: left.count + right.count,
    trueWork: left.trueWork + right.trueWork,
    creditedWork: left.creditedWork + right.creditedWork,
  };
}

const MASK_64 = (1n << 64n) - 1n;

/** An integer below 2^128 as 32 big-endian bytes. */
function writeWork(bytes: Buffer, work: bigint, at: number): void {
  bytes.writeBigUInt64BE(work >> 64n, at + 16);
  bytes.writeBigUInt64BE(work & MASK_64, at + 24);
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
