import { CodedError } from "@lode/ports";

/** Largest value of the wire's U256, 2^256 − 1: the easiest target there is. */
export const maxTarget = (1n << 256n) - 1n;
/** Target of difficulty 1, that of nbits 0x1d00ffff. */
export const DIFF1_TARGET = 0xffffn << 208n;
/** Expected hashes to meet {@link DIFF1_TARGET}: floor(2^256 / (target + 1)). */
export const DIFF1_WORK = 4295032833n;

/** Why bytes, a compact target or an integer are no target. */
export type TargetErrorType =
  | { code: "invalid-target-length"; length: number }
  | { code: "target-out-of-range" }
  | { code: "negative-nbits" | "overflowing-nbits" | "zero-nbits"; nbits: number };
/** Thrown by the target conversions. */
export class TargetError extends CodedError<TargetErrorType> {}

/**
 * Target from its 32 little-endian bytes (the wire's U256).
 *
 * @throws TargetError `invalid-target-length`
 */
export function bytesToTarget(bytes: Uint8Array): bigint {
  if (bytes.length !== 32) throw new TargetError({ code: "invalid-target-length", length: bytes.length });
  const view = new DataView(bytes.buffer, bytes.byteOffset, 32);
  return (
    view.getBigUint64(0, true) |
    (view.getBigUint64(8, true) << 64n) |
    (view.getBigUint64(16, true) << 128n) |
    (view.getBigUint64(24, true) << 192n)
  );
}

/**
 * The 32 little-endian bytes of a target. Allocates and divides: keep the result where shares are checked.
 *
 * @throws TargetError `target-out-of-range` below 0 or above 2^256 − 1
 */
export function targetToBytes(target: bigint): Uint8Array {
  checkRange(target);
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  for (let word = 0; word < 4; word++) {
    view.setBigUint64(word * 8, (target >> BigInt(64 * word)) & 0xffff_ffff_ffff_ffffn, true);
  }
  return bytes;
}

/** What a compact target says before anybody judges it. */
export interface CompactTarget {
  /** Magnitude; above 2^256 − 1 when `overflow`. */
  value: bigint;
  /** Sign bit set on a non-zero mantissa. */
  negative: boolean;
  /** Does not fit into 256 bits. */
  overflow: boolean;
}

/** Splits a compact target as Bitcoin Core's `arith_uint256::SetCompact` does, without judging it. */
export function decodeCompactTarget(nbits: number): CompactTarget {
  const size = nbits >>> 24;
  const word = nbits & 0x007f_ffff;
  const value = size <= 3 ? BigInt(word >>> (8 * (3 - size))) : BigInt(word) << BigInt(8 * (size - 3));
  const significant = size <= 3 ? word >>> (8 * (3 - size)) : word;
  return {
    value,
    negative: significant !== 0 && (nbits & 0x0080_0000) !== 0,
    overflow: value > maxTarget,
  };
}

/**
 * Network target of a header's compact field.
 *
 * @throws TargetError `negative-nbits`, `overflowing-nbits` or `zero-nbits`: no header with such a field can have proof of
 *   work (Core `DeriveTarget`)
 */
export function targetFromNbits(nbits: number): bigint {
  const { value, negative, overflow } = decodeCompactTarget(nbits);
  if (negative) throw new TargetError({ code: "negative-nbits", nbits });
  if (overflow) throw new TargetError({ code: "overflowing-nbits", nbits });
  if (value === 0n) throw new TargetError({ code: "zero-nbits", nbits });
  return value;
}

/**
 * Compact form of a target: 3 significant bytes, rounded down, never with the sign bit set (Core `GetCompact`).
 *
 * @throws TargetError `target-out-of-range`
 */
export function nbitsFromTarget(target: bigint): number {
  checkRange(target);
  let size = Math.ceil(target.toString(16).length / 2);
  if (target === 0n) size = 0;
  let word = size <= 3 ? Number(target) << (8 * (3 - size)) : Number(target >> BigInt(8 * (size - 3)));
  if ((word & 0x0080_0000) !== 0) {
    word >>>= 8;
    size++;
  }
  return ((size << 24) | word) >>> 0;
}

function checkRange(target: bigint): void {
  if (target < 0n || target > maxTarget) throw new TargetError({ code: "target-out-of-range" });
}
