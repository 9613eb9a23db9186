import { hash as oneShotHash } from "node:crypto";
import { refuse, requireAtMost, requireBytes, requireObject, requireSize, requireU32 } from "./arguments.ts";
import {
  MAX_COINBASE_PART_SIZE,
  MAX_EXTRANONCE_SIZE,
  MAX_MERKLE_PATH_LEVELS,
  type NativeJob,
  type NativeJobParts,
  SHARE_MEETS_FIRST,
  SHARE_MEETS_SECOND,
} from "./contract.ts";

const HASH_SIZE = 32;
const HEADER_SIZE = 80;

/** Double SHA-256 by Node's one-shot hash. No check of the argument; the result is a Buffer. */
export function sha256dUnchecked(data: Uint8Array): Uint8Array {
  return oneShotHash("sha256", oneShotHash("sha256", data, "buffer"), "buffer");
}

/** A job on the JavaScript heap. */
export class JsJob implements NativeJob {
  readonly #header = new Uint8Array(HEADER_SIZE);
  readonly #headerView = new DataView(this.#header.buffer);
  readonly #prefixLength: number;
  #suffix: Uint8Array;
  #merklePath: Uint8Array;
  /** `prefix ‖ extranonce ‖ suffix`, with room for the longest extranonce. */
  #coinbase: Uint8Array;
  /** Two hashes side by side: a merkle node before it is hashed. */
  readonly #pair = new Uint8Array(2 * HASH_SIZE);
  #freed = false;

  constructor(parts: NativeJobParts) {
    requireObject(parts, "parts");
    const { coinbaseTxPrefix, coinbaseTxSuffix, merklePath, prevHash, nbits } = parts;
    requireAtMost(coinbaseTxPrefix, "coinbaseTxPrefix", MAX_COINBASE_PART_SIZE);
    requireAtMost(coinbaseTxSuffix, "coinbaseTxSuffix", MAX_COINBASE_PART_SIZE);
    requireBytes(merklePath, "merklePath");
    if (merklePath.length % HASH_SIZE !== 0 || merklePath.length > HASH_SIZE * MAX_MERKLE_PATH_LEVELS) {
      refuse("invalid-length", "merklePath must be 0 to 32 hashes of 32 bytes");
    }
    requireSize(prevHash, "prevHash", HASH_SIZE);
    requireU32(nbits, "nbits");

    this.#suffix = copy(coinbaseTxSuffix);
    this.#merklePath = copy(merklePath);
    this.#prefixLength = coinbaseTxPrefix.length;
    this.#coinbase = new Uint8Array(coinbaseTxPrefix.length + MAX_EXTRANONCE_SIZE + coinbaseTxSuffix.length);
    this.#coinbase.set(copy(coinbaseTxPrefix));
    this.#header.set(prevHash, 4);
    this.#headerView.setUint32(72, nbits, true);
  }

  checkShare(
    extranonce: Uint8Array,
    version: number,
    ntime: number,
    nonce: number,
    first: Uint8Array,
    second: Uint8Array | null,
    hash: Uint8Array,
  ): number {
    const merkleRoot = this.#foldMerklePath(extranonce);
    return this.#checkHeader(merkleRoot, version, ntime, nonce, first, second, hash);
  }

  checkStandardShare(
    merkleRoot: Uint8Array,
    version: number,
    ntime: number,
    nonce: number,
    first: Uint8Array,
    second: Uint8Array | null,
    hash: Uint8Array,
  ): number {
    this.#requireAlive();
    requireSize(merkleRoot, "merkleRoot", HASH_SIZE);
    return this.#checkHeader(merkleRoot, version, ntime, nonce, first, second, hash);
  }

  merkleRoot(extranonce: Uint8Array): Uint8Array {
    return new Uint8Array(this.#foldMerklePath(extranonce));
  }

  header(extranonce: Uint8Array, version: number, ntime: number, nonce: number): Uint8Array {
    this.#fillHeader(this.#foldMerklePath(extranonce), version, ntime, nonce);
    return this.#header.slice();
  }

  free(): void {
    this.#freed = true;
    this.#coinbase = this.#suffix = this.#merklePath = new Uint8Array(0);
  }

  #requireAlive(): void {
    if (this.#freed) refuse("freed-handle", "the job was freed");
  }

  #checkHeader(
    merkleRoot: Uint8Array,
    version: number,
    ntime: number,
    nonce: number,
    first: Uint8Array,
    second: Uint8Array | null,
    hash: Uint8Array,
  ): number {
    this.#fillHeader(merkleRoot, version, ntime, nonce);
    requireSize(first, "first", HASH_SIZE);
    if (second !== null) requireSize(second, "second", HASH_SIZE);
    requireSize(hash, "hash", HASH_SIZE);

    const result = sha256dUnchecked(this.#header);
    let met = 0;
    if (isAtMost(result, first)) met |= SHARE_MEETS_FIRST;
    if (second !== null && isAtMost(result, second)) met |= SHARE_MEETS_SECOND;
    hash.set(result);
    return met;
  }

  #fillHeader(merkleRoot: Uint8Array, version: number, ntime: number, nonce: number): void {
    requireU32(version, "version");
    requireU32(ntime, "ntime");
    requireU32(nonce, "nonce");
    this.#header.set(merkleRoot, 36);
    this.#headerView.setUint32(0, version, true);
    this.#headerView.setUint32(68, ntime, true);
    this.#headerView.setUint32(76, nonce, true);
  }

  /** The coinbase is always the leftmost leaf, so each hash of the path joins from the right. */
  #foldMerklePath(extranonce: Uint8Array): Uint8Array {
    this.#requireAlive();
    requireAtMost(extranonce, "extranonce", MAX_EXTRANONCE_SIZE);
    const end = this.#prefixLength + extranonce.length;
    if (extranonce.length > 0) this.#coinbase.set(extranonce, this.#prefixLength);
    this.#coinbase.set(this.#suffix, end);
    let node = sha256dUnchecked(this.#coinbase.subarray(0, end + this.#suffix.length));
    for (let at = 0; at < this.#merklePath.length; at += HASH_SIZE) {
      this.#pair.set(node);
      this.#pair.set(this.#merklePath.subarray(at, at + HASH_SIZE), HASH_SIZE);
      node = sha256dUnchecked(this.#pair);
    }
    return node;
  }
}

/** Not slice(), for a Buffer's shares memory; and a detached array counts as empty, though it cannot be copied. */
function copy(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? new Uint8Array(0) : new Uint8Array(bytes);
}

/** Compares 32-byte little-endian integers. */
function isAtMost(hash: Uint8Array, target: Uint8Array): boolean {
  for (let index = HASH_SIZE - 1; index >= 0; index--) {
    const difference = hash[index]! - target[index]!;
    if (difference !== 0) return difference < 0;
  }
  return true;
}
