/**
 * The contract between TypeScript and native code. Two backends satisfy it and run the same test suite: the C++ addon and
 * a stand-in for machines without a compiler. All byte arguments are checked for type and length in the backend; a wrong
 * one throws a {@link NativeError} and changes nothing. No pointer into a buffer is kept beyond a call.
 */

/** Why a native call was refused. Numbers that are not integers from 0 to 2^32-1 are `invalid-argument`. */
export type NativeErrorCode =
  | "invalid-argument" // wrong type
  | "invalid-length" // wrong size of a byte argument, or an output that does not fit
  | "freed-handle" // the handle was freed before
  | "nonce-exhausted" // the cipher's 64-bit counter would wrap; the connection must end
  | "unavailable"; // the backend asked for cannot be loaded

/** Bits of {@link NativeJob.checkShare}'s result. */
export const SHARE_MEETS_FIRST = 1;
export const SHARE_MEETS_SECOND = 2;

/** One job, as the hasher needs it: everything but what a share brings. Lives outside the JavaScript heap. */
export interface NativeJob {
  /**
   * Full check of a share: txid of `prefix ‖ extranonce ‖ suffix`, folded over the merkle path, header, double SHA-256.
   *
   * @param extranonce the whole extranonce, channel prefix included; at most {@link MAX_EXTRANONCE_SIZE} bytes
   * @param version full header version (u32)
   * @param ntime header time, seconds (u32)
   * @param nonce header nonce (u32)
   * @param first 32 bytes, little-endian target
   * @param second 32 bytes, little-endian target, or null
   * @param hash receives the 32-byte block hash in internal (little-endian) order
   * @returns bit set: {@link SHARE_MEETS_FIRST} if hash ≤ first, {@link SHARE_MEETS_SECOND} if hash ≤ second
   */
  checkShare(
    extranonce: Uint8Array,
    version: number,
    ntime: number,
    nonce: number,
    first: Uint8Array,
    second: Uint8Array | null,
    hash: Uint8Array,
  ): number;
  /**
   * {@link checkShare} of a share that brings no extranonce (SV2 5.3.11): header and double SHA-256 alone, around a merkle root
   * that {@link merkleRoot} gave once. Another job's root describes another header; that is not noticed.
   *
   * @param merkleRoot 32 bytes, header order
   */
  checkStandardShare(
    merkleRoot: Uint8Array,
    version: number,
    ntime: number,
    nonce: number,
    first: Uint8Array,
    second: Uint8Array | null,
    hash: Uint8Array,
  ): number;
  /** Merkle root for an extranonce, 32 bytes in header order: what a standard job carries. */
  merkleRoot(extranonce: Uint8Array): Uint8Array;
  /** The 80-byte header a share describes. */
  header(extranonce: Uint8Array, version: number, ntime: number, nonce: number): Uint8Array;
  /**
   * Releases the native memory; later calls throw `freed-handle`, a second `free` does nothing. Also done by the garbage
   * collector.
   */
  free(): void;
}

/** What {@link Native.createJob} takes. Everything is copied. */
export interface NativeJobParts {
  /** Coinbase transaction without BIP141 fields, up to the extranonce; at most {@link MAX_COINBASE_PART_SIZE}. */
  coinbaseTxPrefix: Uint8Array;
  /** Coinbase transaction from behind the extranonce; at most {@link MAX_COINBASE_PART_SIZE}. */
  coinbaseTxSuffix: Uint8Array;
  /** 32-byte hashes, deepest first, concatenated; at most {@link MAX_MERKLE_PATH_LEVELS} of them. */
  merklePath: Uint8Array;
  /** 32 bytes, header order. */
  prevHash: Uint8Array;
  /** Compact target of the header (u32). */
  nbits: number;
}

/**
 * One direction of an encrypted connection (spec 4.5.3, 4.6): ChaCha20-Poly1305 with empty associated data and a nonce of
 * four zero bytes and a little-endian u64 counter. The counter lives here and can be neither set nor repeated.
 */
export interface FrameCipher {
  /**
   * Seals a whole frame: the 6-byte header alone (22 bytes), then the payload in blocks of at most 65,519 bytes, each
   * with its tag; nothing at all for an empty payload.
   *
   * @param frame plaintext header and payload: 6 bytes to 6 + {@link MAX_FRAME_PAYLOAD}
   * @param out receives the ciphertext at `offset`; may not overlap `frame`
   * @returns bytes written, equal to {@link sealedFrameSize}
   */
  sealFrame(frame: Uint8Array, out: Uint8Array, offset: number): number;
  /**
   * Opens 22 bytes at `offset` into `header` (6 bytes, may not overlap the input). False: forged, nothing advanced,
   * `header` unchanged.
   */
  openHeader(sealed: Uint8Array, offset: number, header: Uint8Array): boolean;
  /**
   * Opens a payload of `length` plaintext bytes whose blocks start at `offset`, into `out` at 0. False: forged; the
   * counter stays where it was before the call and `out` holds nothing of it. Does nothing for a length of 0.
   *
   * @param out at least `length` bytes; its first `length` may not overlap the input and are zero after a forgery
   */
  openPayload(sealed: Uint8Array, offset: number, length: number, out: Uint8Array): boolean;
  /**
   * Wipes the key; later calls throw `freed-handle`, a second `free` does nothing. Also done by the garbage collector.
   */
  free(): void;
}

/**
 * x coordinates of secp256k1's points as 64 bytes u ‖ t that look random (BIP324), all numbers big-endian. Everything here
 * is on the wire or follows from it, so the time may depend on the values. Secrets do not belong here.
 */
export interface ElligatorSwift {
  /**
   * `XElligatorSwift` with one draw of its randomness; three of four encode nothing, and the caller draws again.
   *
   * @param x 32 bytes, the x coordinate of a point; a number that is none gives an undecodable encoding, and one not below
   * the field's prime is an `invalid-argument`
   * @param draw 33 random bytes: u, and a byte of which the low three bits choose the case of `XSwiftECInv`
   * @param encoded receives the 64 bytes
   * @returns false: nothing for this draw, `encoded` is unchanged
   */
  encode(x: Uint8Array, draw: Uint8Array, encoded: Uint8Array): boolean;
  /**
   * `XSwiftEC`, which never fails.
   *
   * @param encoded any 64 bytes
   * @param x receives the x coordinate, 32 bytes
   */
  decode(encoded: Uint8Array, x: Uint8Array): void;
}

/** A backend. */
export interface Native {
  readonly backend: "addon" | "js";
  /** Double SHA-256; a fresh 32-byte array. */
  sha256d(data: Uint8Array): Uint8Array;
  createJob(parts: NativeJobParts): NativeJob;
  /**
   * @param key 32 bytes, copied. To be able to wipe yours, keep it in a Buffer or over an `ArrayBuffer` of its own: a short
   * `new Uint8Array(32)` lives on the JavaScript heap, and V8 leaves a stale copy there when native code looks at it
   */
  createCipher(key: Uint8Array): FrameCipher;
  /**
   * Hands bytes to the system for a socket, without waiting. The caller knows that nothing is queued before them, and writes
   * the rest in the ordinary way, where an error shows too.
   *
   * @param fd descriptor of a socket that is open (POSIX)
   * @param length how many bytes of `data`, from its first
   * @returns bytes the system took, from 0 to `length`; 0 after any error, and always from the stand-in
   */
  sendNow(fd: number, data: Uint8Array, length: number): number;
  /** Null: the stand-in leaves it to the caller, who has a library for the curve. */
  readonly elligatorSwift: ElligatorSwift | null;
}

/** Ciphertext size of a frame with `payloadLength` plaintext bytes. */
export function sealedFrameSize(payloadLength: number): number {
  return 22 + sealedPayloadSize(payloadLength);
}

/** Ciphertext size of a payload alone; 0 for an empty one. */
export function sealedPayloadSize(payloadLength: number): number {
  return payloadLength + 16 * Math.ceil(payloadLength / MAX_BLOCK_PLAINTEXT);
}

/** Plaintext bytes in one full block (65,535 less the tag). */
export const MAX_BLOCK_PLAINTEXT = 65_519;

/** Plaintext bytes a frame's payload may have: its length is a u24 (spec 3.2). */
export const MAX_FRAME_PAYLOAD = 0xffffff;

/** Bytes of either part of a coinbase transaction: they travel as B0_64K (spec 5.3.16). */
export const MAX_COINBASE_PART_SIZE = 65_535;

/** Bytes of a whole extranonce: it is part of the coinbase's script, which consensus limits to 100 bytes. */
export const MAX_EXTRANONCE_SIZE = 100;

/** Hashes in a merkle path: enough for 2^32 transactions. */
export const MAX_MERKLE_PATH_LEVELS = 32;
