import { CodedError } from "@lode/ports";

/** Why the ledger did not take a step. Nothing of it was written. */
export type JournalErrorType =
  /** Somebody else leads by now: stop. */
  | { readonly code: "not-leader"; readonly role: string; readonly epoch: number }
  /** Another journal has this kind and reference. The step was taken before, with other figures: a human has to look. */
  | { readonly code: "reference-taken"; readonly kind: string; readonly ref: string }
  /** A balance would fall below zero. */
  | { readonly code: "overdrawn"; readonly kind: string; readonly ref: string }
  /** The block that is to be reversed or released was never credited. */
  | { readonly code: "never-credited"; readonly ref: string };

/** Thrown by the ledger's writers. */
export class JournalError extends CodedError<JournalErrorType> {}

/** Who acts: written into each journal, and refused when the epoch is over. */
export interface Fence {
  readonly role: string;
  readonly epoch: number;
}

/** Turns the ledger functions' errors into data; everything else passes as it is. */
export function journalError(error: unknown, fence: Fence, kind: string, ref: string): unknown {
  const { code: sqlstate, constraint_name: constraint } = error as {
    code?: string;
    constraint_name?: string;
  };
  const options = { cause: error };
  switch (sqlstate) {
    case "LB010":
      return new JournalError(
        { code: "not-leader", ...fence },
        `${fence.role} of epoch ${fence.epoch} leads no more`,
        options,
      );
    case "LB011":
      return new JournalError(
        { code: "reference-taken", kind, ref },
        `the ledger holds another ${kind} for ${ref}`,
        options,
      );
    case "LB013":
      return new JournalError({ code: "never-credited", ref }, `${ref} was never credited`, options);
    case "23514":
      if (constraint !== "ledger_account_balance") return error;
      return new JournalError(
        { code: "overdrawn", kind, ref },
        `${kind} ${ref} would take more from an account than it holds`,
        options,
      );
    default:
      return error;
  }
}
