/** One limb. Two make an exact integer below 2^98 out of doubles that only ever hold integers below 2^53. */
export const LIMB = 2 ** 49;
const LIMB_BITS = 49n;
const LIMB_MASK = (1n << LIMB_BITS) - 1n;
/** First integer that does not fit. */
export const EXACT_LIMIT = 1n << 98n;

/**
 * A column of exact integers, 0 … 2^98 - 1, in 16 bytes each. A million BigInts would be several times as large, and slow
 * to add. Sums of work stay below the limit: today's network does 2^80 hashes a block.
 */
export class ExactColumn {
  readonly low: Float64Array;
  readonly high: Float64Array;

  constructor(
    length: number,
    low: Float64Array = new Float64Array(length),
    high: Float64Array = new Float64Array(length),
  ) {
    this.low = low;
    this.high = high;
  }

  get(index: number): bigint {
    const high = this.high[index]!;
    return high === 0 ? BigInt(this.low[index]!) : (BigInt(high) << LIMB_BITS) | BigInt(this.low[index]!);
  }

  /** @throws RangeError unless 0 … 2^98 - 1 */
  set(index: number, value: bigint): void {
    if (value < 0n || value >= EXACT_LIMIT) throw new RangeError("an amount of work is out of range");
    this.low[index] = Number(value & LIMB_MASK);
    this.high[index] = Number(value >> LIMB_BITS);
  }

  /** Adds (sign 1) or takes away (sign -1) an entry of another column. @throws RangeError when it leaves the range */
  add(index: number, from: ExactColumn, at: number, sign: 1 | -1): void {
    let low = this.low[index]! + sign * from.low[at]!;
    let high = this.high[index]! + sign * from.high[at]!;
    if (low >= LIMB) {
      low -= LIMB;
      high++;
    } else if (low < 0) {
      low += LIMB;
      high--;
    }
    if (high < 0 || high >= LIMB) throw new RangeError("a sum of work is out of range");
    this.low[index] = low;
    this.high[index] = high;
  }

  sum(): bigint {
    let total = 0n;
    for (let index = 0; index < this.low.length; index++) total += this.get(index);
    return total;
  }

  /** The first `length` entries, sharing memory. */
  first(length: number): ExactColumn {
    return new ExactColumn(length, this.low.subarray(0, length), this.high.subarray(0, length));
  }
}
