import { equalBytes } from "@lode/bitcoin";

/** Blocks one channel can find before the first is forgotten. Reporting one twice does no harm but noise. */
const CAPACITY = 32;

/** Which blocks a channel has reported, whole hashes: a false match would lose a block. */
export class SubmittedBlocks {
  /** Undefined until the first block, that is, in nearly every channel for ever. */
  #hashes: Uint8Array[] | undefined;
  #next = 0;

  /** @param hash 32 bytes, copied. @returns false when it is known already */
  add(hash: Uint8Array): boolean {
    this.#hashes ??= [];
    if (this.#hashes.some((known) => equalBytes(known, hash))) return false;
    this.#hashes[this.#next] = hash.slice();
    this.#next = (this.#next + 1) % CAPACITY;
    return true;
  }
}
