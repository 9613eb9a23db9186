import { DeadlineExceeded } from "@lode/ports";
import { LedgerError, type TransientReason } from "./ledger-error.ts";
import { classifyFailure, sqlstateOf } from "./server-failure.ts";
import type { ShareBatch } from "./share-record.ts";

/** Raised by share_batch_insert (migrations). */
const CONFLICT_SQLSTATE = "LB001";

/** What a failed commit means for its batch. */
export function commitError(error: unknown, batch: ShareBatch): LedgerError {
  if (error instanceof LedgerError) return error;
  if (error instanceof DeadlineExceeded) return unknownOutcome("timeout", null, error);
  if (sqlstateOf(error) === CONFLICT_SQLSTATE) {
    const { run, seq } = batch;
    return new LedgerError(
      { code: "batch-conflict", run, seq },
      `another batch is stored under run ${run}, seq ${seq}`,
    );
  }
  const failure = classifyFailure(error);
  if (failure.kind === "transient") return unknownOutcome(failure.reason, failure.sqlstate, error);
  return new LedgerError({ code: failure.kind, sqlstate: failure.sqlstate }, messageOf(error), {
    cause: error,
  });
}

/** A driver's error outside a commit, as data. */
export function queryError(error: unknown): LedgerError {
  if (error instanceof LedgerError) return error;
  if (error instanceof DeadlineExceeded) {
    return new LedgerError({ code: "unavailable", reason: "timeout", sqlstate: null }, error.message, {
      cause: error,
    });
  }
  const failure = classifyFailure(error);
  const options = { cause: error };
  if (failure.kind === "transient") {
    const { reason, sqlstate } = failure;
    return new LedgerError({ code: "unavailable", reason, sqlstate }, messageOf(error), options);
  }
  return new LedgerError({ code: failure.kind, sqlstate: failure.sqlstate }, messageOf(error), options);
}

/** The batch may or may not be stored. */
export function unknownOutcome(
  reason: TransientReason,
  sqlstate: string | null,
  cause?: unknown,
): LedgerError {
  return new LedgerError(
    { code: "unknown-outcome", reason, sqlstate },
    `the commit's outcome is unknown (${reason}${cause === undefined ? "" : `: ${messageOf(cause)}`})`,
    cause === undefined ? {} : { cause },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
