import { CodedError } from "./errors.ts";

/** What is wrong with something outside the process: a database, a node, a template source. */
export interface DependencyErrorType {
  /** Stable name for logs and metrics: `unreachable`, `wrong-chain`. */
  readonly code: string;
  /** True when it may pass by itself and is waited for; false when a person has to change something. */
  readonly temporary: boolean;
}

/**
 * Something outside the process that cannot be used. The message is one sentence for the operator: what, where, the likely
 * cause and what to do. Every command shows the same sentence.
 */
export class DependencyError extends CodedError<DependencyErrorType> {
  get temporary(): boolean {
    return this.type.temporary;
  }
}
