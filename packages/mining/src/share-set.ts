/** Entries a new table has room for before it grows; 64 bytes, which V8 keeps inside the array object. */
const FIRST_SLOTS = 8;

/**
 * Header hashes of accepted shares, remembered by their first 8 bytes. Those are the low end of the little-endian hash
 * and uniform whatever the difficulty, so the chance that n shares hold a false match is about n² / 2^64; what it would cost is
 * one share refused as a duplicate. Two u32 words per slot, open addressing, at most three quarters full: a share costs
 * 11 to 22 bytes and no object.
 *
 * There is no removal: a set lives with a job and goes with it.
 */
export class ShareSet {
  #words = new Uint32Array(2 * FIRST_SLOTS);
  #size = 0;

  /** Hashes in the set. */
  get size(): number {
    return this.#size;
  }

  /** Whether the hash (32 bytes, internal order) is in the set. */
  has(hash: Uint8Array): boolean {
    const low = lowWord(hash);
    const high = highWord(hash);
    const slot = findSlot(this.#words, low, high);
    return (this.#words[slot]! | this.#words[slot + 1]!) !== 0;
  }

  /** Adds a hash that is not in the set. */
  add(hash: Uint8Array): void {
    if (4 * (this.#size + 1) > 3 * (this.#words.length >>> 1)) this.#grow();
    const low = lowWord(hash);
    const high = highWord(hash);
    const slot = findSlot(this.#words, low, high);
    this.#words[slot] = low;
    this.#words[slot + 1] = high;
    this.#size++;
  }

  #grow(): void {
    const old = this.#words;
    const words = new Uint32Array(2 * old.length);
    for (let at = 0; at < old.length; at += 2) {
      const low = old[at]!;
      const high = old[at + 1]!;
      if ((low | high) === 0) continue;
      const slot = findSlot(words, low, high);
      words[slot] = low;
      words[slot + 1] = high;
    }
    this.#words = words;
  }
}

/** Index of the pair, or of the empty pair where it belongs. `words` holds a power of two of pairs and is never full. */
function findSlot(words: Uint32Array, low: number, high: number): number {
  const mask = words.length - 1;
  let at = (low << 1) & mask;
  for (;;) {
    const storedLow = words[at]!;
    const storedHigh = words[at + 1]!;
    if ((storedLow === low && storedHigh === high) || (storedLow | storedHigh) === 0) return at;
    at = (at + 2) & mask;
  }
}

function lowWord(hash: Uint8Array): number {
  return (hash[0]! | (hash[1]! << 8) | (hash[2]! << 16) | (hash[3]! << 24)) >>> 0;
}

/** The lowest bit is given up, so that no hash looks like an empty slot. */
function highWord(hash: Uint8Array): number {
  return (hash[4]! | 1 | (hash[5]! << 8) | (hash[6]! << 16) | (hash[7]! << 24)) >>> 0;
}
