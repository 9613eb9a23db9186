import { sha256d } from "@lode/bitcoin";

/** Whether `a` ≤ `b`, both 32 bytes, little-endian. */
export function isAtMost(a: Uint8Array, b: Uint8Array): boolean {
  for (let index = 31; index >= 0; index--) {
    if (a[index] !== b[index]) return a[index]! < b[index]!;
  }
  return true;
}

/** Bytes as lower-case hex. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** What a header is made of; hashes in header order. */
export interface HeaderParts {
  readonly version: number;
  readonly prevHash: Uint8Array;
  readonly merkleRoot: Uint8Array;
  readonly ntime: number;
  readonly nbits: number;
}

/** A header whose nonce can be turned: the naive miner's and the naive model's only tool. */
export class HeaderHasher {
  readonly #header = new Uint8Array(80);
  readonly #view = new DataView(this.#header.buffer);

  constructor({ version, prevHash, merkleRoot, ntime, nbits }: HeaderParts) {
    this.#view.setUint32(0, version, true);
    this.#header.set(prevHash, 4);
    this.#header.set(merkleRoot, 36);
    this.#view.setUint32(68, ntime, true);
    this.#view.setUint32(72, nbits, true);
  }

  /** Block hash with this nonce, internal order. */
  hash(nonce: number): Uint8Array {
    this.#view.setUint32(76, nonce, true);
    return sha256d(this.#header);
  }
}
