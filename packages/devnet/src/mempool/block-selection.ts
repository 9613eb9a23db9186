import type { MempoolEntry } from "./entry.ts";

/**
 * Transactions for a block: highest fee rate first, each behind the unconfirmed ones it spends from, as many as fit.
 *
 * @param maxWeight weight units left beside header and coinbase
 * @param maxSigops cost units left beside the coinbase
 */
export function selectTransactions(
  entries: Iterable<MempoolEntry>,
  maxWeight: number,
  maxSigops: number,
): MempoolEntry[] {
  const byFeeRate = [...entries].sort((a, b) => Number(b.fee) / b.weight - Number(a.fee) / a.weight);
  const selected = new Set<MempoolEntry>();
  let weight = 0;
  let sigops = 0;
  for (const entry of byFeeRate) {
    const needed = withAncestors(entry, selected);
    const addedWeight = needed.reduce((sum, one) => sum + one.weight, 0);
    const addedSigops = needed.reduce((sum, one) => sum + one.sigops, 0);
    if (weight + addedWeight > maxWeight || sigops + addedSigops > maxSigops) continue;
    for (const one of needed) selected.add(one);
    weight += addedWeight;
    sigops += addedSigops;
  }
  return [...selected];
}

/** An entry and its unconfirmed ancestors that are not selected yet, parents first. */
function withAncestors(entry: MempoolEntry, selected: ReadonlySet<MempoolEntry>): MempoolEntry[] {
  const needed = new Set<MempoolEntry>();
  const visit = (one: MempoolEntry) => {
    if (selected.has(one) || needed.has(one)) return;
    for (const parent of one.parents) visit(parent);
    needed.add(one);
  };
  visit(entry);
  return [...needed];
}
