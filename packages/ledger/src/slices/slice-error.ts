import { CodedError } from "@lode/ports";

/** Why the bytes of a slice or a checkpoint cannot be read. */
export type SliceErrorType =
  | { readonly code: "bad-magic" }
  | { readonly code: "bad-version"; readonly version: number }
  | { readonly code: "truncated"; readonly offset: number }
  | { readonly code: "trailing-bytes"; readonly offset: number }
  /** A field breaks the layout's rules. */
  | { readonly code: "malformed"; readonly field: string; readonly offset: number };

/** Thrown by the codec of slices and checkpoints. */
export class SliceError extends CodedError<SliceErrorType> {}
