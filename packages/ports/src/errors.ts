/**
 * An error as data: `type.code` says what happened and fixes which other fields go with it. Logs and metrics are labelled
 * by code, never by message text. Codes are never reused for another meaning.
 *
 * @example
 * type DecodeErrorType = { code: "truncated"; offset: number } | { code: "too-long"; field: string };
 * class DecodeError extends CodedError<DecodeErrorType> {}
 */
export class CodedError<T extends { readonly code: string }> extends Error {
  readonly type: T;

  constructor(type: T, message: string = type.code, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.type = type;
  }

  get code(): T["code"] {
    return this.type.code;
  }
}
