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
