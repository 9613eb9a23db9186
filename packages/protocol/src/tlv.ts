import { NO_BYTES } from "./cursor.ts";
import { DecodeError, EncodeError } from "./errors.ts";

/** One field which an extension appends to a message (SV2 3.4.3). */
export interface Tlv {
  /** U16, the extension that defines the field. */
  readonly extensionType: number;
  /** U8, the field within the extension. */
  readonly fieldType: number;
  /** At most 65,535 bytes; a view of the input when decoded. */
  readonly value: Uint8Array;
}

/** What {@link decodeTlvs} may be told. */
export interface TlvOptions {
  /**
   * Extension types that make sense here: the negotiated ones, or all allotted ones. Decides the byte order of a region
   * that parses both ways.
   */
  readonly expected?: readonly number[];
}

/** The extension types that are allotted (SV2 chapter 09). */
export const ALLOTTED_EXTENSIONS: readonly number[] = [0x0001, 0x0002];

const HEAD = 5;
/** A record of five bytes costs far more as an object; no message has use for this many. */
const MAX_COUNT = 64;

function u16At(bytes: Uint8Array, at: number, bigEndian: boolean): number {
  const low = bytes[bigEndian ? at + 1 : at]!;
  return low | (bytes[bigEndian ? at : at + 1]! << 8);
}

/** Where the next record begins, or -1 when the one at `at` does not fit. */
function next(bytes: Uint8Array, at: number, bigEndian: boolean): number {
  if (bytes.length - at < HEAD) return -1;
  const end = at + HEAD + u16At(bytes, at + 3, bigEndian);
  return end <= bytes.length ? end : -1;
}

/** How far the records of a region go when they are read in one byte order. */
interface Region {
  readonly bigEndian: boolean;
  /** Whether they fill the region exactly. */
  readonly exact: boolean;
  /** Whether an expected extension is among them. */
  readonly familiar: boolean;
  /** Where the walk ended. */
  readonly end: number;
}

function scan(bytes: Uint8Array, bigEndian: boolean, expected: readonly number[]): Region {
  let familiar = false;
  let at = 0;
  for (let count = 0; count < MAX_COUNT && at < bytes.length; count++) {
    if (bytes.length - at >= 2 && expected.includes(u16At(bytes, at, bigEndian))) familiar = true;
    const end = next(bytes, at, bigEndian);
    if (end < 0) break;
    at = end;
  }
  return { bigEndian, exact: at === bytes.length, familiar, end: at };
}

/** What fills the region exactly wins, then what names an expected extension, then little-endian. */
function likelier(little: Region, big: Region): Region {
  if (little.exact !== big.exact) return little.exact ? little : big;
  return big.familiar && !little.familiar ? big : little;
}

/**
 * Reads the TLVs behind a message's last field. The spec's examples are big-endian against its own rule (3.1, 3.4.3), the
 * reference implementation is little-endian; both are accepted, one order for the whole region. Values are views.
 *
 * Throws DecodeError: `truncated` when the region does not end with a record, `too-long` for more than 64 records.
 */
export function decodeTlvs(bytes: Uint8Array, options: TlvOptions = {}): Tlv[] {
  if (bytes.length === 0) return [];
  const expected = options.expected ?? ALLOTTED_EXTENSIONS;
  const little = scan(bytes, false, expected);
  const region = little.exact && little.familiar ? little : likelier(little, scan(bytes, true, expected));
  const bigEndian = region.bigEndian;
  if (!region.exact) failAt(bytes, region.end, bigEndian);
  const tlvs: Tlv[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = next(bytes, at, bigEndian);
    tlvs.push({
      extensionType: u16At(bytes, at, bigEndian),
      fieldType: bytes[at + 2]!,
      value: new Uint8Array(bytes.buffer, bytes.byteOffset + at + HEAD, end - at - HEAD),
    });
    at = end;
  }
  return tlvs;
}

function failAt(bytes: Uint8Array, offset: number, bigEndian: boolean): never {
  if (next(bytes, offset, bigEndian) >= 0) {
    throw new DecodeError(
      { code: "too-long", offset, field: "tlv", length: MAX_COUNT + 1, maximum: MAX_COUNT },
      `more than ${MAX_COUNT} TLV fields`,
    );
  }
  const available = bytes.length - offset;
  const needed = available < HEAD ? HEAD : HEAD + u16At(bytes, offset + 3, bigEndian);
  throw new DecodeError(
    { code: "truncated", offset, field: "tlv", needed, available },
    `a TLV field needs ${needed} bytes, ${available} left`,
  );
}

/**
 * Writes TLVs, little-endian, ordered by extension type; fields of one extension keep their order (SV2 3.4.3). Throws
 * EncodeError.
 */
export function encodeTlvs(tlvs: readonly Tlv[]): Uint8Array {
  if (tlvs.length === 0) return NO_BYTES;
  const ordered = tlvs.toSorted((a, b) => a.extensionType - b.extensionType);
  const size = ordered.reduce((sum, tlv) => sum + HEAD + tlv.value.length, 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const { extensionType, fieldType, value } of ordered) {
    checkRange(extensionType, 0xffff, "extension_type");
    checkRange(fieldType, 0xff, "field_type");
    if (value.length > 0xffff) {
      throw new EncodeError({ code: "too-long", field: "tlv", length: value.length, maximum: 0xffff });
    }
    bytes.set([extensionType, extensionType >>> 8, fieldType, value.length, value.length >>> 8], at);
    bytes.set(value, at + HEAD);
    at += HEAD + value.length;
  }
  return bytes;
}

function checkRange(value: number, maximum: number, field: string): void {
  if (Number.isInteger(value) && value >= 0 && value <= maximum) return;
  throw new EncodeError({ code: "out-of-range", field, value: String(value) }, `${field} is ${value}`);
}
