import type { Reader, Writer } from "./cursor.ts";

/** The families of data types (SV2 3.1). */
export type FieldKind =
  | "bool"
  | "u8"
  | "u16"
  | "u32"
  | "u64"
  | "f32"
  | "u256"
  | "bytes"
  | "string"
  | "option"
  | "sequence";

/**
 * One data type of the wire (SV2 3.1). `T` is its JavaScript value. The same object reads, measures and writes, and
 * carries what documentation, size caps and test data are derived from.
 */
export interface FieldType<T = unknown> {
  readonly kind: FieldKind;
  /** As the spec writes it: `SEQ0_255[U256]`. */
  readonly specName: string;
  /** Fewest bytes on the wire; equal to `maxSize` for types of fixed size. */
  readonly minSize: number;
  /** Most bytes on the wire. */
  readonly maxSize: number;
  /** Most bytes (bytes, string) or elements (option, sequence) the length prefix may say; 0 for the other kinds. */
  readonly maxLength: number;
  /** What an option or a sequence is made of. */
  readonly element: FieldType | null;
  /** Reads one value. Byte values are views of the reader's bytes. Throws DecodeError. */
  read(reader: Reader): T;
  /** Bytes `value` takes. Throws EncodeError for what cannot be encoded; asked only for types of variable size. */
  size(writer: Writer, value: T): number;
  /** Writes a value for which there is room. Throws EncodeError. */
  write(writer: Writer, value: T): void;
}

const scratch = new DataView(new ArrayBuffer(8));
const scratchBytes = new Uint8Array(scratch.buffer);
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

function fixed<T>(
  kind: FieldKind,
  specName: string,
  size: number,
  read: (reader: Reader) => T,
  write: (writer: Writer, value: T) => void,
): FieldType<T> {
  return {
    kind,
    specName,
    minSize: size,
    maxSize: size,
    maxLength: 0,
    element: null,
    read,
    size: () => size,
    write,
  };
}

function unsigned(kind: FieldKind, specName: string, size: 1 | 2 | 4): FieldType<number> {
  const limit = 2 ** (8 * size);
  return fixed(
    kind,
    specName,
    size,
    (reader) => readUnsigned(reader, size),
    (writer, value) => {
      if (!(Number.isInteger(value) && value >= 0 && value < limit)) writer.outOfRange(value, specName);
      writeUnsigned(writer, value, size);
    },
  );
}

function readUnsigned(reader: Reader, size: number): number {
  const bytes = reader.bytes;
  const at = reader.take(size);
  if (size === 1) return bytes[at]!;
  if (size === 2) return bytes[at]! | (bytes[at + 1]! << 8);
  if (size === 3) return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function writeUnsigned(writer: Writer, value: number, size: number): void {
  const bytes = writer.bytes;
  const at = writer.offset;
  bytes[at] = value;
  if (size > 1) bytes[at + 1] = value >>> 8;
  if (size > 2) bytes[at + 2] = value >>> 16;
  if (size > 3) bytes[at + 3] = value >>> 24;
  writer.offset = at + size;
}

/** Reads eight bytes into `scratch`. */
function readScratch(reader: Reader, size: number): void {
  const at = reader.take(size);
  for (let index = 0; index < size; index++) scratchBytes[index] = reader.bytes[at + index]!;
}

function writeScratch(writer: Writer, size: number): void {
  for (let index = 0; index < size; index++) writer.bytes[writer.offset + index] = scratchBytes[index]!;
  writer.offset += size;
}

/** BOOL. Only the lowest bit counts on receipt, the others are padding (SV2 3.1). Written as 0 or 1. */
export const bool: FieldType<boolean> = fixed(
  "bool",
  "BOOL",
  1,
  (reader) => (reader.bytes[reader.take(1)]! & 1) === 1,
  (writer, value) => {
    if (typeof value !== "boolean") writer.wrongType("BOOL");
    writer.bytes[writer.offset++] = value ? 1 : 0;
  },
);

/** U8, a number. */
export const u8: FieldType<number> = unsigned("u8", "U8", 1);
/** U16, little-endian, a number. */
export const u16: FieldType<number> = unsigned("u16", "U16", 2);
/** U32, little-endian, a number. */
export const u32: FieldType<number> = unsigned("u32", "U32", 4);

/** U64, little-endian, a bigint. */
export const u64: FieldType<bigint> = fixed(
  "u64",
  "U64",
  8,
  (reader) => {
    readScratch(reader, 8);
    return scratch.getBigUint64(0, true);
  },
  (writer, value) => {
    if (typeof value !== "bigint" || value < 0n || value > 0xffff_ffff_ffff_ffffn) {
      writer.outOfRange(value, "U64");
    }
    scratch.setBigUint64(0, value, true);
    writeScratch(writer, 8);
  },
);

/** F32, IEEE 754 little-endian, a number. NaN and the infinities pass: what they mean is the receiver's rule. */
export const f32: FieldType<number> = fixed(
  "f32",
  "F32",
  4,
  (reader) => {
    readScratch(reader, 4);
    return scratch.getFloat32(0, true);
  },
  (writer, value) => {
    if (typeof value !== "number" || (Number.isFinite(value) && !Number.isFinite(Math.fround(value)))) {
      writer.outOfRange(value, "F32");
    }
    scratch.setFloat32(0, value, true);
    writeScratch(writer, 4);
  },
);

/** U256, 32 bytes, little-endian as an integer. Kept as bytes. */
export const u256: FieldType<Uint8Array> = fixed(
  "u256",
  "U256",
  32,
  (reader) => reader.view(32),
  (writer, value) => {
    if (!(value instanceof Uint8Array)) writer.wrongType("U256");
    if (value.length !== 32) {
      writer.fail(
        { code: "wrong-length", length: value.length, expected: 32 },
        `has ${value.length} bytes, not 32`,
      );
    }
    writer.bytes.set(value, writer.offset);
    writer.offset += 32;
  },
);

function readLength(reader: Reader, prefix: number, maximum: number): number {
  const at = reader.offset;
  const length = readUnsigned(reader, prefix);
  if (length > maximum) reader.tooLong(at, length, maximum);
  return length;
}

function byteArray(specName: string, prefix: 1 | 2 | 3, maximum: number): FieldType<Uint8Array> {
  return {
    kind: "bytes",
    specName,
    minSize: prefix,
    maxSize: prefix + maximum,
    maxLength: maximum,
    element: null,
    read: (reader) => reader.view(readLength(reader, prefix, maximum)),
    size(writer, value) {
      if (!(value instanceof Uint8Array)) writer.wrongType(specName);
      if (value.length > maximum) writer.tooLong(value.length, maximum);
      return prefix + value.length;
    },
    write(writer, value) {
      writeUnsigned(writer, value.length, prefix);
      writer.bytes.set(value, writer.offset);
      writer.offset += value.length;
    },
  };
}

/** B0_32: up to 32 bytes. A longer length prefix is an error on receipt. */
export const b0_32: FieldType<Uint8Array> = byteArray("B0_32", 1, 32);
/** B0_255: up to 255 bytes. */
export const b0_255: FieldType<Uint8Array> = byteArray("B0_255", 1, 255);
/** B0_64K: up to 65,535 bytes. */
export const b0_64k: FieldType<Uint8Array> = byteArray("B0_64K", 2, 0xffff);
/** B0_16M: up to 2^24 - 1 bytes. */
export const b0_16m: FieldType<Uint8Array> = byteArray("B0_16M", 3, 0xff_ffff);

/**
 * STR0_255: text of up to 255 bytes of UTF-8. Bytes that are no UTF-8 become U+FFFD, never an error: the spec leaves
 * `user_identity` unconstrained (SV2 5.3.2). The text is not escaped; it may hold control characters.
 */
export const str0_255: FieldType<string> = {
  kind: "string",
  specName: "STR0_255",
  minSize: 1,
  maxSize: 256,
  maxLength: 255,
  element: null,
  read: (reader) => decoder.decode(reader.view(readUnsigned(reader, 1))),
  size(writer, value) {
    if (typeof value !== "string") writer.wrongType("STR0_255");
    const length = Buffer.byteLength(value, "utf8");
    if (length > 255) writer.tooLong(length, 255);
    return 1 + length;
  },
  write(writer, value) {
    const start = writer.offset + 1;
    const { written } = encoder.encodeInto(value, writer.bytes.subarray(start, start + 255));
    writer.bytes[writer.offset] = written;
    writer.offset = start + written;
  },
};

/** OPTION[T]: null, or one T (SV2 3.1: a SEQ0_255 of at most one element). */
export function option<T>(element: FieldType<T>): FieldType<T | null> {
  return {
    kind: "option",
    specName: `OPTION[${element.specName}]`,
    minSize: 1,
    maxSize: 1 + element.maxSize,
    maxLength: 1,
    element,
    read(reader) {
      const at = reader.take(1);
      const count = reader.bytes[at]!;
      if (count === 0) return null;
      if (count > 1) reader.invalidOption(at, count);
      return element.read(reader);
    },
    size(writer, value) {
      return value === null ? 1 : 1 + element.size(writer, value);
    },
    write(writer, value) {
      writer.bytes[writer.offset++] = value === null ? 0 : 1;
      if (value !== null) element.write(writer, value);
    },
  };
}

function sequence<T>(specName: string, prefix: 1 | 2, element: FieldType<T>): FieldType<readonly T[]> {
  const maximum = 2 ** (8 * prefix) - 1;
  return {
    kind: "sequence",
    specName: `${specName}[${element.specName}]`,
    minSize: prefix,
    maxSize: prefix + maximum * element.maxSize,
    maxLength: maximum,
    element,
    read(reader) {
      const count = readUnsigned(reader, prefix);
      const least = count * element.minSize;
      // A count the input cannot hold fails before anything is allocated for it.
      if (least > reader.bytes.length - reader.offset) reader.truncated(least);
      const values: T[] = [];
      for (let index = 0; index < count; index++) {
        reader.element = index;
        values.push(element.read(reader));
      }
      reader.element = -1;
      return values;
    },
    size(writer, value) {
      if (!Array.isArray(value)) writer.wrongType(specName);
      if (value.length > maximum) writer.tooLong(value.length, maximum);
      let total = prefix;
      for (let index = 0; index < value.length; index++) {
        writer.element = index;
        total += element.size(writer, value[index]!);
      }
      writer.element = -1;
      return total;
    },
    write(writer, value) {
      writeUnsigned(writer, value.length, prefix);
      for (let index = 0; index < value.length; index++) {
        writer.element = index;
        element.write(writer, value[index]!);
      }
      writer.element = -1;
    },
  };
}

/** SEQ0_255[T]: up to 255 elements. */
export function seq0_255<T>(element: FieldType<T>): FieldType<readonly T[]> {
  return sequence("SEQ0_255", 1, element);
}

/** SEQ0_64K[T]: up to 65,535 elements. */
export function seq0_64k<T>(element: FieldType<T>): FieldType<readonly T[]> {
  return sequence("SEQ0_64K", 2, element);
}
