import type { NativeErrorCode } from "./contract.ts";

/**
 * Thrown by both backends. Has the shape of the other packages' coded errors: `type.code` says what happened. A call that
 * throws it has changed nothing.
 */
export class NativeError extends Error {
  readonly type: { readonly code: NativeErrorCode };

  constructor(type: { readonly code: NativeErrorCode }, message: string = type.code, options?: ErrorOptions) {
    super(message, options);
    this.name = "NativeError";
    this.type = type;
  }

  get code(): NativeErrorCode {
    return this.type.code;
  }
}
