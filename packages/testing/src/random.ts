import type { Random } from "@lode/ports";

/** Seeded pseudo-random numbers (sfc32), fast and repeatable on every machine. Never for keys that matter. */
export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /**
   * @param seed u32
   * @param stream u32; streams of one seed have nothing to do with each other
   */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = stream | 0;
    this.#c = 0x5eed_1e55 | 0;
    for (let round = 0; round < 15; round++) this.u32();
  }

  /** Uniform in 0 … 2^32 − 1. */
  u32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** Uniform integer in 0 … `bound` − 1. */
  below(bound: number): number {
    return Math.floor((this.u32() / 2 ** 32) * bound);
  }

  /** Uniform integer, both ends included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.u32() < probability * 2 ** 32;
  }

  /** One of the items, of which there is at least one. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** One of the keys, each as likely as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = (this.u32() / 2 ** 32) * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    return entries.findLast(([, weight]) => weight > 0)![0];
  }

  /** Fresh bytes. */
  bytes(size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    for (let index = 0; index < size; index++) bytes[index] = this.u32() >>> 24;
    return bytes;
  }

  /** An independent generator; drawing from it does not move this one any further. */
  fork(): Prng {
    return new Prng(this.u32(), this.u32());
  }
}

/** A repeatable {@link Random}: the same seed gives the same bytes in the same order. Never for keys that matter. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return (size) => {
    const bytes = new Uint8Array(size);
    for (let index = 0; index < size; index++) {
      // splitmix32: every seed has the full period of 2^32.
      state = (state + 0x9e3779b9) >>> 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a2d97);
      bytes[index] = (mixed ^ (mixed >>> 15)) & 0xff;
    }
    return bytes;
  };
}
