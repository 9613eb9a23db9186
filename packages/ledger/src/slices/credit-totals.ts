import { CreditList } from "./credit-list.ts";

/** A running sum of {@link CreditList}s. Adding walks two sorted lists at once; nothing is looked up. */
export class CreditTotals {
  #list: CreditList;
  /** True while the columns are our own, so that they may be written to. */
  #own = false;

  constructor(start: CreditList = CreditList.empty) {
    this.#list = start;
  }

  /** The sum so far. Not to be kept across the next {@link add}. */
  get list(): CreditList {
    return this.#list;
  }

  /** Adds a list (sign 1) or takes it away (sign -1). @throws RangeError when something would fall below 0 */
  add(list: CreditList, sign: 1 | -1 = 1): void {
    const added = countMissing(this.#list.keys, list.keys);
    if (added > 0 && sign === -1) throw new RangeError("credit is taken away that was never added");
    if (added > 0 || !this.#own) {
      this.#list = union(this.#list, list.keys, added);
      this.#own = true;
    }
    const { keys, counts, trueWork, creditedWork } = this.#list;
    let at = 0;
    for (let index = 0; index < list.length; index++) {
      const key = list.keys[index]!;
      while (keys[at]! < key) at++;
      counts[at]! += sign * list.counts[index]!;
      if (counts[at]! < 0) throw new RangeError("a number of shares falls below 0");
      trueWork.add(at, list.trueWork, index, sign);
      creditedWork.add(at, list.creditedWork, index, sign);
    }
  }

  /** The sum without entries that are 0. */
  compact(): CreditList {
    const { keys, counts, trueWork, creditedWork } = this.#list;
    let length = 0;
    for (const count of counts) if (count > 0) length++;
    if (length === keys.length) return this.#list;
    const list = new CreditList(length);
    let to = 0;
    for (let from = 0; from < keys.length; from++) {
      if (counts[from] === 0) continue;
      list.keys[to] = keys[from]!;
      list.counts[to] = counts[from]!;
      list.trueWork.add(to, trueWork, from, 1);
      list.creditedWork.add(to, creditedWork, from, 1);
      to++;
    }
    return list;
  }
}

function countMissing(keys: Float64Array, wanted: Float64Array): number {
  let missing = 0;
  let at = 0;
  for (const key of wanted) {
    while (at < keys.length && keys[at]! < key) at++;
    if (keys[at] !== key) missing++;
  }
  return missing;
}

/** A copy with room for `keys` too; what is new is 0. */
function union(list: CreditList, keys: Float64Array, missing: number): CreditList {
  const merged = new CreditList(list.length + missing);
  let from = 0;
  let next = 0;
  for (let to = 0; to < merged.length; to++) {
    const mine = from < list.length ? list.keys[from]! : Number.POSITIVE_INFINITY;
    const theirs = next < keys.length ? keys[next]! : Number.POSITIVE_INFINITY;
    merged.keys[to] = Math.min(mine, theirs);
    if (theirs <= mine) next++;
    if (mine <= theirs) {
      merged.counts[to] = list.counts[from]!;
      merged.trueWork.add(to, list.trueWork, from, 1);
      merged.creditedWork.add(to, list.creditedWork, from, 1);
      from++;
    }
  }
  return merged;
}
