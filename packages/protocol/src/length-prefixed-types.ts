import type { Reader } from "./cursor.ts";
import type { FieldType } from "./field-type.ts";
import { readUnsigned, writeUnsigned } from "./scalar-types.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

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
