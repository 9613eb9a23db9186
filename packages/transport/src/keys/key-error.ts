import { CodedError } from "@lode/ports";

/** Why a key or an endpoint was refused. */
export type KeyErrorType =
  | { readonly code: "bad-characters" } // no base58
  | { readonly code: "bad-checksum" }
  | { readonly code: "bad-length"; readonly expected: number; readonly actual: number }
  | { readonly code: "bad-version"; readonly expected: number; readonly actual: number }
  | { readonly code: "not-on-curve" } // x has no point
  | { readonly code: "out-of-range" } // a secret of 0, or n and above
  | { readonly code: "bad-endpoint"; readonly part: "scheme" | "host" | "port" | "key" };

/** A key or an endpoint that cannot be used. The message says what is wrong in words. Never carries key bytes. */
export class KeyError extends CodedError<KeyErrorType> {
  constructor(type: KeyErrorType, message: string = explanation(type), options?: ErrorOptions) {
    super(type, message, options);
  }
}

function explanation(type: KeyErrorType): string {
  switch (type.code) {
    case "bad-characters":
      return "the key has characters that base58 does not use";
    case "bad-checksum":
      return "the key's checksum is wrong: a character was changed or lost";
    case "bad-length":
      if (type.expected === 32 && type.actual === 34) return "this is a public key, not a secret one";
      if (type.expected === 34 && type.actual === 32) return "this looks like a secret key, not a public one";
      return "the key has a wrong length";
    case "bad-version":
      return `the key has version ${type.actual}, not ${type.expected}`;
    case "not-on-curve":
      return "the key is no point of the curve";
    case "out-of-range":
      return "the key is no secret key of the curve";
    case "bad-endpoint":
      return `expected stratum2+tcp://HOST:PORT/AUTHORITY_KEY; the ${type.part} is wrong`;
  }
}
