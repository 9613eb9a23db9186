/**
 * Splits `amount` over `weights` by largest remainder: everybody gets the whole part of the exact share, the satoshis left
 * over go to the largest remainders. Where equal remainders meet the cut, the smaller `tieHash` wins; it is asked for those
 * alone. Exact: the result's sum is `amount`, each part is less than 1 away from its exact share, and weight 0 gets 0.
 *
 * Linear: the cut is selected, nothing is sorted but the entries at the cut.
 *
 * @param amount 0 … 2^63-1
 * @param weights 0 or more each; at least one above 0 unless `amount` is 0
 * @param tieHash 32 bytes of a hash that nobody can choose in advance, for the entry at an index
 * @throws RangeError for a negative amount or weight, or no weight at all
 */
export function apportion(
  amount: bigint,
  weights: readonly bigint[],
  tieHash: (index: number) => Uint8Array,
): BigInt64Array {
  const parts = new BigInt64Array(weights.length);
  if (amount < 0n) throw new RangeError("a negative amount cannot be split");
  if (amount === 0n) return parts;
  let total = 0n;
  for (const weight of weights) {
    if (weight < 0n) throw new RangeError("a weight is negative");
    total += weight;
  }
  if (total === 0n) throw new RangeError("an amount cannot be split over nothing");
  const remainders = new Array<bigint>(weights.length);
  let left = amount;
  for (let index = 0; index < weights.length; index++) {
    const exact = amount * weights[index]!;
    const part = exact / total;
    parts[index] = part;
    remainders[index] = exact - part * total;
    left -= part;
  }
  // The remainders add up to left * total and each is below total, so left of them at least are above 0.
  if (left > 0n) handOut(parts, remainders, Number(left), tieHash);
  return parts;
}

/** One more for the `count` largest remainders. */
function handOut(
  parts: BigInt64Array,
  remainders: readonly bigint[],
  count: number,
  tieHash: (index: number) => Uint8Array,
): void {
  const cut = nthLargest(remainders.slice(), count);
  const tied: number[] = [];
  let open = count;
  for (let index = 0; index < remainders.length; index++) {
    const remainder = remainders[index]!;
    if (remainder > cut) {
      parts[index]! += 1n;
      open--;
    } else if (remainder === cut) {
      tied.push(index);
    }
  }
  for (const index of open === tied.length ? tied : firstByHash(tied, open, tieHash)) parts[index]! += 1n;
}

function firstByHash(
  indexes: readonly number[],
  count: number,
  tieHash: (index: number) => Uint8Array,
): number[] {
  const hashed = indexes.map((index) => ({ index, hash: tieHash(index) }));
  hashed.sort((a, b) => Buffer.compare(a.hash, b.hash));
  return hashed.slice(0, count).map(({ index }) => index);
}

/** The n-th largest value, n from 1. Reorders `values`: quickselect with three-way partition, so equal values cost nothing. */
function nthLargest(values: bigint[], n: number): bigint {
  let from = 0;
  let to = values.length;
  const wanted = n - 1;
  // Any fixed order of pivots gives the same answer; a scattered one is linear for sorted input too.
  let scatter = 0x9e3779b9;
  for (;;) {
    scatter = (Math.imul(scatter, 1664525) + 1013904223) >>> 0;
    const pivot = values[from + (scatter % (to - from))]!;
    let larger = from;
    let smaller = to;
    let at = from;
    while (at < smaller) {
      const value = values[at]!;
      if (value > pivot) {
        values[at] = values[larger]!;
        values[larger++] = value;
        at++;
      } else if (value < pivot) {
        values[at] = values[--smaller]!;
        values[smaller] = value;
      } else {
        at++;
      }
    }
    if (wanted < larger) to = larger;
    else if (wanted >= smaller) from = smaller;
    else return pivot;
  }
}
