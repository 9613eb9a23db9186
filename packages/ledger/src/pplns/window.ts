import { type Rational, reduced } from "./rational.ts";

/** What the window needs to know of a sealed slice. */
export interface SliceHead {
  readonly seq: number;
  /** Expected hashes of a block at the slice's nbits, above 0. */
  readonly netWork: bigint;
  /** True work that counts towards the window, expected hashes: that of every share whose blocks are split. */
  readonly windowWork: bigint;
}

/** The slices that a block pays, newest to oldest: all of `fullFrom` … `newest`, and a part of `boundary`. */
export interface Window {
  /** Newest slice; null when no slice is sealed yet. */
  readonly newest: number | null;
  /** Oldest slice that counts in full; null when none does. */
  readonly fullFrom: number | null;
  /** The slice below, of which only the part `phi` (between 0 and 1, both excluded) counts. */
  readonly boundary: { readonly seq: number; readonly netWork: bigint; readonly phi: Rational } | null;
  /** Expected blocks of work in the window, in lowest terms. Below N only while the pool is young. */
  readonly filled: Rational;
}

/**
 * The window of a block: from the newest of `slices` (newest first: those before the slice with the winning share) as far
 * back as `n` expected blocks of work reach. Each slice is measured against the network's difficulty at its own time. An
 * underfilled window counts in full. Reads no further than it must.
 */
export function windowOf(slices: Iterable<SliceHead>, n: Rational): Window {
  const room = new Room(n);
  let newest: number | null = null;
  let fullFrom: number | null = null;
  for (const { seq, netWork, windowWork } of slices) {
    const phi = room.take(windowWork, netWork);
    newest ??= seq;
    if (phi === null) {
      fullFrom = seq;
      if (room.isFull) break;
    } else {
      return { newest, fullFrom, boundary: { seq, netWork, phi }, filled: reduced(n) };
    }
  }
  return { newest, fullFrom, boundary: null, filled: room.taken() };
}

/** What is left of N blocks, exactly. */
class Room {
  readonly #n: Rational;
  /** What is left, over a denominator that every difficulty so far divides. */
  #num: bigint;
  #den: bigint;

  constructor(n: Rational) {
    if (n.num <= 0n || n.den <= 0n) throw new RangeError("the window's length must be above 0");
    this.#n = n;
    this.#num = n.num;
    this.#den = n.den;
  }

  get isFull(): boolean {
    return this.#num === 0n;
  }

  /** Takes a whole slice (null), or fills the room with the part of it that is returned. */
  take(work: bigint, netWork: bigint): Rational | null {
    if (netWork <= 0n || work < 0n) throw new RangeError("a slice's work is out of range");
    if (this.#den % netWork !== 0n) {
      const factor = reduced({ num: netWork, den: this.#den }).num;
      this.#num *= factor;
      this.#den *= factor;
    }
    const needed = work * (this.#den / netWork);
    if (needed <= this.#num) {
      this.#num -= needed;
      return null;
    }
    const phi = reduced({ num: this.#num, den: needed });
    this.#num = 0n;
    return phi;
  }

  taken(): Rational {
    const { num, den } = this.#n;
    return reduced({ num: num * this.#den - this.#num * den, den: den * this.#den });
  }
}
