import type { Reader, Writer } from "./cursor.ts";
import type { FieldKind, FieldType } from "./field-type.ts";

const scratch = new DataView(new ArrayBuffer(8));
const scratchBytes = new Uint8Array(scratch.buffer);

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

/** Reads an unsigned integer of one to four bytes, little-endian. */
export function readUnsigned(reader: Reader, size: number): number {
  const bytes = reader.bytes;
  const at = reader.take(size);
  if (size === 1) return bytes[at]!;
  if (size === 2) return bytes[at]! | (bytes[at + 1]! << 8);
  if (size === 3) return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Writes an unsigned integer of one to four bytes, little-endian; its range has been checked. */
export function writeUnsigned(writer: Writer, value: number, size: number): void {
  const bytes = writer.bytes;
  const at = writer.offset;
  bytes[at] = value;
  if (size > 1) bytes[at + 1] = value >>> 8;
  if (size > 2) bytes[at + 2] = value >>> 16;
  if (size > 3) bytes[at + 3] = value >>> 24;
  writer.offset = at + size;
}

/** Reads `size` bytes into `scratch`. */
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
