import { CodedError } from "@lode/ports";

/** Why a line of Stratum V1 is no message. `id` is the request's, as JSON text, for the answer; "null" without one. */
export type Sv1ErrorType =
  /** The line is no JSON. */
  | { code: "not-json"; id: string }
  /** JSON, but no object; batches of JSON-RPC are not part of Stratum. */
  | { code: "not-an-object"; id: string }
  /** An id that is neither number, text nor null, or a text above 256 characters. */
  | { code: "invalid-id"; id: string }
  /** Neither a method nor an answer. */
  | { code: "no-method"; id: string }
  /** A parameter that cannot be read. */
  | { code: "invalid-param"; id: string; method: string; param: string };

/** A line from the network that is no message. Nothing else is thrown for any line. */
export class Sv1Error extends CodedError<Sv1ErrorType> {
  /** The request's id as JSON text: what an answer echoes. */
  get id(): string {
    return this.type.id;
  }
}

/** Error codes of Stratum V1, with what each is used for. */
export const Sv1ErrorCode = {
  /** Anything that has no code of its own. */
  other: 20,
  /** The job is unknown or its block is over. */
  staleJob: 21,
  /** The same share was handed in before. */
  duplicate: 22,
  /** The share's hash is above the target of its job. */
  lowDifficulty: 23,
  /** Nobody is authorized on this connection, or the pool cannot pay the name. */
  unauthorized: 24,
  /** `mining.subscribe` has not come yet. */
  notSubscribed: 25,
} as const;

/** A number of {@link Sv1ErrorCode}. */
export type Sv1ErrorNumber = (typeof Sv1ErrorCode)[keyof typeof Sv1ErrorCode];
