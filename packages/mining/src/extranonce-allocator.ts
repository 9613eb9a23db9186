import { CodedError } from "@lode/ports";

/** Bytes an allocated prefix has: server id 1, index 3 (big-endian). */
export const EXTRANONCE_PREFIX_SIZE = 4;
/** Bytes behind the prefix: an extended channel's to roll, zero in a standard channel. */
export const ROLLABLE_EXTRANONCE_SIZE = 16;
/** Bytes of every full extranonce. All channels of a connection must agree on it (SV2 5.2.3). */
export const FULL_EXTRANONCE_SIZE = EXTRANONCE_PREFIX_SIZE + ROLLABLE_EXTRANONCE_SIZE;

const ALL_INDEXES = 1 << 24;

/** A misuse of the allocator. */
export type ExtranonceErrorType = { code: "invalid-server-id" | "invalid-capacity" | "not-allocated" };
/** Thrown by {@link ExtranonceAllocator}; nothing has changed then. */
export class ExtranonceError extends CodedError<ExtranonceErrorType> {}

/**
 * Gives every channel of this process a search space of its own (SV2 5.1).
 *
 * A prefix must not come back while jobs its last holder worked on are still credited: the shares could be sent again.
 * So the search is a next-fit over a bitmap, and a released prefix rests until the search has passed it once. It is given
 * out in the round after, behind all that could be given out when it was released. Two bits per index: 4 MB for the whole space, of which
 * the operating system backs only what was touched.
 */
export class ExtranonceAllocator {
  readonly #serverId: number;
  readonly #capacity: number;
  /** Bit set: in use or resting. */
  readonly #taken: Uint32Array;
  /** Bit set: released, not passed yet. Always taken too. */
  readonly #resting: Uint32Array;
  #cursor = 0;
  #allocated = 0;

  /**
   * @param options.serverId leased by this process alone, 0 … 255
   * @param options.capacity indexes to use, at most 2^24
   */
  constructor({ serverId, capacity = ALL_INDEXES }: { serverId: number; capacity?: number }) {
    if (!Number.isInteger(serverId) || serverId < 0 || serverId > 255) {
      throw new ExtranonceError({ code: "invalid-server-id" });
    }
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > ALL_INDEXES) {
      throw new ExtranonceError({ code: "invalid-capacity" });
    }
    this.#serverId = serverId;
    this.#capacity = capacity;
    const words = Math.ceil(capacity / 32);
    this.#taken = new Uint32Array(words);
    this.#resting = new Uint32Array(words);
    // What the last word has beyond the capacity is never free.
    if (capacity % 32 !== 0) this.#taken[words - 1] = -1 << (capacity % 32);
  }

  /** Prefixes in use. */
  get allocated(): number {
    return this.#allocated;
  }

  /** 4 bytes, the caller's own; undefined when all are in use (`channel-capacity-exhausted`). */
  allocate(): Uint8Array | undefined {
    if (this.#allocated === this.#capacity) return undefined;
    // The first round may only wake what rests, the second finds it; one more for the word the search starts within.
    for (let visits = 2 * this.#taken.length + 1; visits > 0; visits--) {
      const word = this.#cursor >>> 5;
      const free = ~this.#taken[word]! & (-1 << (this.#cursor & 31));
      if (free !== 0) {
        const bit = 31 - Math.clz32(free & -free);
        this.#taken[word]! |= 1 << bit;
        this.#allocated++;
        this.#moveTo(word, bit + 1);
        return this.#prefix(word * 32 + bit);
      }
      this.#moveTo(word, 32);
    }
    throw new Error("the allocator's count and its bitmap disagree");
  }

  /**
   * Takes a prefix back. Only its first 4 bytes are looked at, so a standard channel's whole prefix will do.
   *
   * @throws ExtranonceError `not-allocated` for a prefix that is not in use
   */
  release(prefix: Uint8Array): void {
    const index =
      prefix.length < EXTRANONCE_PREFIX_SIZE ? -1 : (prefix[1]! << 16) | (prefix[2]! << 8) | prefix[3]!;
    const word = index >>> 5;
    const bit = 1 << (index & 31);
    const inUse =
      index >= 0 && index < this.#capacity && (this.#taken[word]! & ~this.#resting[word]! & bit) !== 0;
    if (!inUse || prefix[0] !== this.#serverId) throw new ExtranonceError({ code: "not-allocated" });
    this.#resting[word]! |= bit;
    this.#allocated--;
  }

  /** Moves the cursor; what rests in a word wakes up when the cursor leaves it. */
  #moveTo(word: number, bit: number): void {
    if (bit < 32) {
      this.#cursor = word * 32 + bit;
      return;
    }
    this.#taken[word]! &= ~this.#resting[word]!;
    this.#resting[word] = 0;
    this.#cursor = ((word + 1) % this.#taken.length) * 32;
  }

  #prefix(index: number): Uint8Array {
    return Uint8Array.of(this.#serverId, index >>> 16, (index >>> 8) & 0xff, index & 0xff);
  }
}
