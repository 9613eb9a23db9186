import { CodedError } from "@lode/ports";

/** Why a CompactSize could not be written or read. */
export type CompactSizeErrorType =
  | { code: "invalid-compact-size"; value: number }
  | { code: "truncated-compact-size"; offset: number }
  | { code: "non-canonical-compact-size"; offset: number };
/** Thrown by {@link encodeCompactSize} and {@link readCompactSize}. */
export class CompactSizeError extends CodedError<CompactSizeErrorType> {}

/**
 * Bitcoin's variable length integer, shortest form, little-endian.
 *
 * @param value integer, 0 … 2^53 − 1
 * @throws CompactSizeError `invalid-compact-size`
 */
export function encodeCompactSize(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new CompactSizeError({ code: "invalid-compact-size", value });
  if (value < 0xfd) return Uint8Array.of(value);
  const bytes = new Uint8Array(value <= 0xffff ? 3 : value <= 0xffff_ffff ? 5 : 9);
  const view = new DataView(bytes.buffer);
  if (bytes.length === 3) {
    bytes[0] = 0xfd;
    view.setUint16(1, value, true);
  } else if (bytes.length === 5) {
    bytes[0] = 0xfe;
    view.setUint32(1, value, true);
  } else {
    bytes[0] = 0xff;
    view.setBigUint64(1, BigInt(value), true);
  }
  return bytes;
}

/**
 * Reads one at `offset`; `next` is the offset behind it.
 *
 * @throws CompactSizeError `truncated-compact-size`, `non-canonical-compact-size` (Core `ReadCompactSize` refuses them too),
 *   `invalid-compact-size` above 2^53 − 1
 */
export function readCompactSize(bytes: Uint8Array, offset = 0): { value: number; next: number } {
  const first = bytes[offset];
  if (first === undefined) throw new CompactSizeError({ code: "truncated-compact-size", offset });
  if (first < 0xfd) return { value: first, next: offset + 1 };
  const size = first === 0xfd ? 2 : first === 0xfe ? 4 : 8;
  if (offset + 1 + size > bytes.length)
    throw new CompactSizeError({ code: "truncated-compact-size", offset });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const value =
    size === 2
      ? view.getUint16(offset + 1, true)
      : size === 4
        ? view.getUint32(offset + 1, true)
        : Number(view.getBigUint64(offset + 1, true));
  const smallest = size === 2 ? 0xfd : size === 4 ? 0x1_0000 : 0x1_0000_0000;
  if (value < smallest) throw new CompactSizeError({ code: "non-canonical-compact-size", offset });
  if (!Number.isSafeInteger(value)) throw new CompactSizeError({ code: "invalid-compact-size", value });
  return { value, next: offset + 1 + size };
}
