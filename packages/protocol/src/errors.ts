import { CodedError } from "@lode/ports";

/** Why bytes are not a message. `offset` counts bytes from the start of what was handed in. */
export type DecodeErrorType =
  /** The bytes end before the field does. */
  | { code: "truncated"; offset: number; field: string; needed: number; available: number }
  /** A length prefix above the field type's maximum (SV2 3.1). */
  | { code: "too-long"; offset: number; field: string; length: number; maximum: number }
  /** An OPTION with more than one element (SV2 3.1). */
  | { code: "invalid-option"; offset: number; field: string; count: number };

/** Bytes from the network that are no valid message. Nothing else is thrown for any input. */
export class DecodeError extends CodedError<DecodeErrorType> {
  /** Where the faulty part begins, in bytes. */
  get offset(): number {
    return this.type.offset;
  }

  /** The spec's name of the field, with an index inside a sequence: `merkle_path[3]`. */
  get field(): string {
    return this.type.field;
  }
}

/** Why a value cannot be put on the wire. */
export type EncodeErrorType =
  /** A number that is no integer of the field's width, or no 32-bit float. */
  | { code: "out-of-range"; field: string; value: string }
  /** More bytes or elements than the length prefix may say. */
  | { code: "too-long"; field: string; length: number; maximum: number }
  /** A U256 that is not 32 bytes. */
  | { code: "wrong-length"; field: string; length: number; expected: number }
  /** A missing value or one of another JavaScript type. */
  | { code: "wrong-type"; field: string; expected: string };

/** A value handed to the encoder that the wire cannot carry. */
export class EncodeError extends CodedError<EncodeErrorType> {
  /** The spec's name of the field. */
  get field(): string {
    return this.type.field;
  }
}
