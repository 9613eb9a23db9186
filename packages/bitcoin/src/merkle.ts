import { concatBytes } from "./bytes.ts";
import type { InternalHash } from "./hashes.ts";
import { sha256d } from "./sha256d.ts";

/**
 * Merkle path of the coinbase, deepest hash first, as Stratum V2 carries it (SV2 5.3.16, 7.3).
 *
 * @param txids txids, internal order, of every transaction but the coinbase, in block order; the coinbase's place at
 *   index 0 is added here
 */
export function merklePath(txids: readonly InternalHash[]): Uint8Array[] {
  const path: Uint8Array[] = [];
  let level: (InternalHash | undefined)[] = [undefined, ...txids];
  while (level.length > 1) {
    path.push(level[1] as InternalHash);
    const above: (InternalHash | undefined)[] = [undefined];
    for (let i = 2; i < level.length; i += 2) {
      const left = level[i] as InternalHash;
      above.push(sha256d(concatBytes(left, level[i + 1] ?? left)));
    }
    level = above;
  }
  return path;
}

/** Header's merkle root (header order) from the coinbase's txid and its path. */
export function merkleRoot(coinbaseTxid: InternalHash, path: readonly Uint8Array[]): Uint8Array {
  const pair = new Uint8Array(64);
  let root = coinbaseTxid;
  for (const sibling of path) {
    pair.set(root, 0);
    pair.set(sibling, 32);
    root = sha256d(pair);
  }
  return path.length === 0 ? coinbaseTxid.slice() : root;
}
