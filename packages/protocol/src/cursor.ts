import { DecodeError, EncodeError, type EncodeErrorType } from "./errors.ts";

/** No bytes; shared, there is nothing in it to change. */
export const NO_BYTES = new Uint8Array(0);

/** What a cursor needs to know about a field in order to name it in an error. */
export interface NamedField {
  /** The spec's snake_case name. */
  readonly specName: string;
}

/** Without `Omit` over the union, which would lose the variants. */
type WithoutField<T> = T extends unknown ? Omit<T, "field"> : never;

function fieldPath(fields: readonly NamedField[], index: number, element: number): string {
  const name = fields[index]?.specName ?? "payload";
  return element < 0 ? name : `${name}[${element}]`;
}

/** Reads forward through bytes it never goes beyond. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly #fields: readonly NamedField[];
  offset = 0;
  /** Index of the field being read. */
  field = 0;
  /** Index inside the sequence being read, -1 outside of one. */
  element = -1;

  constructor(bytes: Uint8Array, fields: readonly NamedField[]) {
    this.bytes = bytes;
    this.#fields = fields;
  }

  /** Moves past `size` bytes and returns where they begin. Throws `truncated` when there are fewer. */
  take(size: number): number {
    const start = this.offset;
    const end = start + size;
    if (end > this.bytes.length) this.truncated(size);
    this.offset = end;
    return start;
  }

  /** A view of the next `size` bytes; shares memory with the input. */
  view(size: number): Uint8Array {
    const start = this.take(size);
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + start, size);
  }

  truncated(needed: number): never {
    const available = this.bytes.length - this.offset;
    const field = this.path();
    throw new DecodeError(
      { code: "truncated", offset: this.offset, field, needed, available },
      `${field} needs ${needed} bytes, ${available} left`,
    );
  }

  tooLong(offset: number, length: number, maximum: number): never {
    const field = this.path();
    throw new DecodeError(
      { code: "too-long", offset, field, length, maximum },
      `${field} says it has length ${length}, the maximum is ${maximum}`,
    );
  }

  invalidOption(offset: number, count: number): never {
    const field = this.path();
    throw new DecodeError(
      { code: "invalid-option", offset, field, count },
      `${field} is an OPTION with ${count} elements`,
    );
  }

  path(): string {
    return fieldPath(this.#fields, this.field, this.element);
  }
}

/** Writes forward into bytes that were measured before. */
export class Writer {
  bytes: Uint8Array = NO_BYTES;
  readonly #fields: readonly NamedField[];
  offset = 0;
  /** Index of the field being measured or written. */
  field = 0;
  /** Index inside the sequence, -1 outside of one. */
  element = -1;

  constructor(fields: readonly NamedField[]) {
    this.#fields = fields;
  }

  fail(type: WithoutField<EncodeErrorType>, text: string): never {
    const field = fieldPath(this.#fields, this.field, this.element);
    throw new EncodeError({ ...type, field } as EncodeErrorType, `${field} ${text}`);
  }

  outOfRange(value: unknown, specName: string): never {
    if (typeof value !== "number" && typeof value !== "bigint") this.wrongType(specName);
    this.fail({ code: "out-of-range", value: String(value) }, `is ${value}, which is no ${specName}`);
  }

  tooLong(length: number, maximum: number): never {
    this.fail({ code: "too-long", length, maximum }, `has length ${length}, the maximum is ${maximum}`);
  }

  wrongType(expected: string): never {
    this.fail({ code: "wrong-type", expected }, `is not a value for ${expected}`);
  }
}
