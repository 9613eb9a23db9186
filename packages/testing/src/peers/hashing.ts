import { concatBytes, merkleRoot, sha256d } from "@lode/bitcoin";

/** What devices roll: general-purpose bits 13 to 28 (BIP320), also where the pool allows more. */
export const DEVICE_VERSION_MASK = 0x1fff_e000;

/** A header under work: everything but version, ntime and nonce. Hashes in header order. */
export interface Workpiece {
  readonly version: number;
  readonly prevHash: Uint8Array;
  readonly merkleRoot: Uint8Array;
  readonly ntime: number;
  readonly nbits: number;
}

/** What an attempt that met the threshold was made with. */
export interface Find {
  readonly nonce: number;
  /** The full header version, rolled bits in it. */
  readonly version: number;
  /** Block hash, little-endian number. */
  readonly hash: Uint8Array;
}

/**
 * A mining chip on one header: nonces from 0 upwards, with every version that the mask allows coming up sooner or later. Never
 * tries the same header twice.
 */
export class Chip {
  readonly #header = new Uint8Array(80);
  readonly #view = new DataView(this.#header.buffer);
  readonly #version: number;
  #tried = 0;

  constructor({ version, prevHash, merkleRoot, ntime, nbits }: Workpiece) {
    this.#version = version;
    this.#header.set(prevHash, 4);
    this.#header.set(merkleRoot, 36);
    this.#view.setUint32(68, ntime, true);
    this.#view.setUint32(72, nbits, true);
  }

  /** Headers tried so far. */
  get tried(): number {
    return this.#tried;
  }

  /** Tries `count` headers and reports those whose hash is at or under `threshold` (32 bytes, little-endian). */
  search(count: number, threshold: Uint8Array): Find[] {
    const finds: Find[] = [];
    for (let end = this.#tried + count; this.#tried < end; this.#tried++) {
      const nonce = this.#tried;
      // 16 bits that change with every nonce; the first header keeps the job's version.
      const rolled = (Math.imul(nonce, 0x9e37_79b1) >>> 16) << 13;
      const version = ((this.#version & ~DEVICE_VERSION_MASK) | (this.#version ^ rolled)) >>> 0;
      this.#view.setUint32(0, version, true);
      this.#view.setUint32(76, nonce, true);
      const hash = sha256d(this.#header);
      if (isAtMost(hash, threshold)) finds.push({ nonce, version, hash });
    }
    return finds;
  }
}

/** Whether `a` ≤ `b`, both 32 bytes, little-endian. */
export function isAtMost(a: Uint8Array, b: Uint8Array): boolean {
  for (let index = 31; index >= 0; index--) {
    if (a[index] !== b[index]) return a[index]! < b[index]!;
  }
  return true;
}

/** Merkle root of an extended job with all of its extranonce, header order. */
export function extendedRoot(
  job: {
    readonly coinbaseTxPrefix: Uint8Array;
    readonly coinbaseTxSuffix: Uint8Array;
    readonly merklePath: readonly Uint8Array[];
  },
  ...extranonce: readonly Uint8Array[]
): Uint8Array {
  return merkleRoot(
    sha256d(concatBytes(job.coinbaseTxPrefix, ...extranonce, job.coinbaseTxSuffix)),
    job.merklePath,
  );
}

/** A counter as an extranonce: big-endian, `length` bytes. */
export function counterBytes(counter: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = length - 1, rest = counter; index >= 0 && rest > 0; index--) {
    bytes[index] = rest & 0xff;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

/** Bytes as a key or for a message. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
