import { CodedError } from "@lode/ports";

/** Why shares cannot be encoded, or a payload is none of ours. Offsets are bytes from the payload's start. */
export type ShareCodecErrorType =
  /** A record's field is outside its range: a fault of the caller. */
  | { readonly code: "out-of-range"; readonly field: string; readonly row: number }
  /** More records than one batch may hold. */
  | { readonly code: "too-many-shares"; readonly count: number; readonly max: number }
  /** A batch without shares. */
  | { readonly code: "no-shares" }
  /** Not a share batch at all. */
  | { readonly code: "bad-magic" }
  /** A layout this release does not know. */
  | { readonly code: "bad-version"; readonly version: number }
  /** The payload ends early. */
  | { readonly code: "truncated"; readonly offset: number }
  /** Bytes follow the last part, or the entries of a dictionary do not fill their section. */
  | { readonly code: "trailing-bytes"; readonly offset: number }
  /** A field breaks the layout's rules. */
  | { readonly code: "malformed"; readonly field: string; readonly offset: number }
  /** Payload and the batch's own `sha256`, `n` or `work` do not belong together. */
  | { readonly code: "mismatch"; readonly field: "sha256" | "n" | "work" };

/** Thrown by the codec of share batches. */
export class ShareCodecError extends CodedError<ShareCodecErrorType> {
  static outOfRange(field: string, row: number): ShareCodecError {
    return new ShareCodecError(
      { code: "out-of-range", field, row },
      `${field} of row ${row} is out of range`,
    );
  }

  static truncated(offset: number): ShareCodecError {
    return new ShareCodecError({ code: "truncated", offset }, `share batch ends at byte ${offset}`);
  }

  static trailing(offset: number): ShareCodecError {
    return new ShareCodecError({ code: "trailing-bytes", offset }, `share batch has bytes left at ${offset}`);
  }

  static malformed(field: string, offset: number): ShareCodecError {
    const message = `share batch: ${field} at ${offset} is malformed`;
    return new ShareCodecError({ code: "malformed", field, offset }, message);
  }
}
