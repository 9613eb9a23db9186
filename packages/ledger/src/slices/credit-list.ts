import { ExactColumn } from "./exact-column.ts";

/** One entry of a {@link CreditList}, for people and tests. */
export interface CreditEntry {
  /** The account's number in the database, 1 … 2^40 - 1. */
  readonly account: number;
  /** u8. */
  readonly feeClass: number;
  /** Shares. */
  readonly count: number;
  /** Expected hashes. */
  readonly trueWork: bigint;
  /** Expected hashes that earn, at most `trueWork`. */
  readonly creditedWork: bigint;
}

const CLASSES = 256;
/** First account number that does not fit beside a class into a double. */
export const ACCOUNT_LIMIT = 2 ** 40;

/** The place of an account and class in a list's order. */
export function creditKey(account: number, feeClass: number): number {
  return account * CLASSES + feeClass;
}

export function accountOfKey(key: number): number {
  return Math.floor(key / CLASSES);
}

export function classOfKey(key: number): number {
  return key % CLASSES;
}

/**
 * Who worked how much: a slice, or a sum of slices of one difficulty. Sorted by account and class, each pair once. Columns
 * instead of objects, because a list may hold a million entries and forty lists are summed for a block.
 */
export class CreditList {
  /** {@link creditKey}, ascending. */
  readonly keys: Float64Array;
  readonly counts: Float64Array;
  readonly trueWork: ExactColumn;
  readonly creditedWork: ExactColumn;

  constructor(
    length: number,
    keys: Float64Array = new Float64Array(length),
    counts: Float64Array = new Float64Array(length),
    trueWork = new ExactColumn(length),
    creditedWork = new ExactColumn(length),
  ) {
    this.keys = keys;
    this.counts = counts;
    this.trueWork = trueWork;
    this.creditedWork = creditedWork;
  }

  static readonly empty: CreditList = new CreditList(0);

  /** From entries in any order; entries of one account and class are added up. @throws RangeError */
  static of(entries: Iterable<CreditEntry>): CreditList {
    const sorted = [...entries].sort(
      (a, b) => creditKey(a.account, a.feeClass) - creditKey(b.account, b.feeClass),
    );
    const list = new CreditList(sorted.length);
    let length = 0;
    for (const { account, feeClass, count, trueWork, creditedWork } of sorted) {
      const key = creditKey(account, feeClass);
      const at = length > 0 && list.keys[length - 1] === key ? length - 1 : length++;
      list.keys[at] = key;
      list.counts[at]! += count;
      list.trueWork.set(at, list.trueWork.get(at) + trueWork);
      list.creditedWork.set(at, list.creditedWork.get(at) + creditedWork);
    }
    return list.first(length);
  }

  get length(): number {
    return this.keys.length;
  }

  entry(index: number): CreditEntry {
    const key = this.keys[index]!;
    return {
      account: accountOfKey(key),
      feeClass: classOfKey(key),
      count: this.counts[index]!,
      trueWork: this.trueWork.get(index),
      creditedWork: this.creditedWork.get(index),
    };
  }

  *[Symbol.iterator](): Iterator<CreditEntry> {
    for (let index = 0; index < this.length; index++) yield this.entry(index);
  }

  /** Shares of all entries. */
  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** The first `length` entries, sharing memory. */
  first(length: number): CreditList {
    return new CreditList(
      length,
      this.keys.subarray(0, length),
      this.counts.subarray(0, length),
      this.trueWork.first(length),
      this.creditedWork.first(length),
    );
  }
}
