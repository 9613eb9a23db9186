/** Counts of keys, and a key with the greatest count, each in constant time whatever the number of keys. */
export class Ranking<K> {
  readonly #counts = new Map<K, number>();
  /** Keys of each count from 1 on; counts that no key has are missing. */
  readonly #keys = new Map<number, Set<K>>();
  #greatestCount = 0;
  #total = 0;

  /** All counts together. */
  get total(): number {
    return this.#total;
  }

  /** The key that has had the greatest count for longest; undefined while all counts are 0. */
  get greatest(): K | undefined {
    return this.#keys.get(this.#greatestCount)?.values().next().value;
  }

  countOf(key: K): number {
    return this.#counts.get(key) ?? 0;
  }

  raise(key: K): void {
    this.#move(key, 1);
  }

  /** The count of `key` must be above 0. */
  lower(key: K): void {
    this.#move(key, -1);
  }

  #move(key: K, change: 1 | -1): void {
    const from = this.countOf(key);
    const to = from + change;
    const left = this.#keys.get(from);
    left?.delete(key);
    if (left?.size === 0) this.#keys.delete(from);
    if (to === 0) this.#counts.delete(key);
    else {
      this.#counts.set(key, to);
      const joined = this.#keys.get(to);
      if (joined === undefined) this.#keys.set(to, new Set([key]));
      else joined.add(key);
    }
    this.#total += change;
    // The key itself is at `to`, so there is no gap below a count that has become empty.
    if (to > this.#greatestCount || !this.#keys.has(this.#greatestCount)) this.#greatestCount = to;
  }
}
