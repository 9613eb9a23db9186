import { CreditList, creditKey } from "../slices/credit-list.ts";
import { EXACT_LIMIT, LIMB } from "../slices/exact-column.ts";

const LIMB_BITS = 49n;
const LIMB_MASK = (1n << LIMB_BITS) - 1n;

/** Sums shares as they come, in any order; {@link list} sorts once. */
export class CreditCollector {
  readonly #places = new Map<number, number>();
  #keys: number[] = [];
  #counts: number[] = [];
  #trueLow: number[] = [];
  #trueHigh: number[] = [];
  #creditedLow: number[] = [];
  #creditedHigh: number[] = [];

  get size(): number {
    return this.#keys.length;
  }

  /** @throws RangeError for work out of range, before anything was added */
  add(account: number, feeClass: number, count: number, trueWork: bigint, creditedWork: bigint): void {
    if (trueWork < 0n || creditedWork < 0n || creditedWork > trueWork || trueWork >= EXACT_LIMIT >> 8n) {
      throw new RangeError("a share's work is out of range");
    }
    const key = creditKey(account, feeClass);
    let at = this.#places.get(key);
    if (at === undefined) {
      at = this.#keys.length;
      this.#places.set(key, at);
      this.#keys.push(key);
      for (const column of this.#columns()) column.push(0);
    }
    this.#counts[at]! += count;
    addTo(this.#trueLow, this.#trueHigh, at, trueWork);
    addTo(this.#creditedLow, this.#creditedHigh, at, creditedWork);
  }

  addList(list: CreditList): void {
    for (const { account, feeClass, count, trueWork, creditedWork } of list) {
      this.add(account, feeClass, count, trueWork, creditedWork);
    }
  }

  list(): CreditList {
    const list = new CreditList(this.size);
    const order = Float64Array.from(this.#keys).sort();
    for (const [to, key] of order.entries()) {
      const from = this.#places.get(key)!;
      list.keys[to] = key;
      list.counts[to] = this.#counts[from]!;
      list.trueWork.low[to] = this.#trueLow[from]!;
      list.trueWork.high[to] = this.#trueHigh[from]!;
      list.creditedWork.low[to] = this.#creditedLow[from]!;
      list.creditedWork.high[to] = this.#creditedHigh[from]!;
    }
    return list;
  }

  #columns(): number[][] {
    return [this.#counts, this.#trueLow, this.#trueHigh, this.#creditedLow, this.#creditedHigh];
  }
}

function addTo(low: number[], high: number[], at: number, work: bigint): void {
  const sum = low[at]! + Number(work & LIMB_MASK);
  const carry = sum >= LIMB ? 1 : 0;
  low[at] = sum - carry * LIMB;
  high[at]! += Number(work >> LIMB_BITS) + carry;
}
