import { Sv1ErrorCode, type Sv1ErrorNumber } from "@lode/protocol/sv1";

/** What a miner is told for a pool's refusal of its share. */
export interface ShareRefusal {
  readonly code: Sv1ErrorNumber;
  readonly text: string;
  /** By no fault of the miner. */
  readonly blameless?: boolean;
}

const refusals: Readonly<Record<string, ShareRefusal>> = {
  "stale-share": { code: Sv1ErrorCode.staleJob, text: "stale: a new block has ended this job" },
  "invalid-job-id": { code: Sv1ErrorCode.staleJob, text: "this job is unknown or too old" },
  "duplicate-share": { code: Sv1ErrorCode.duplicate, text: "this share was handed in before" },
  "difficulty-too-low": {
    code: Sv1ErrorCode.lowDifficulty,
    text: "the share is easier than the job's difficulty",
  },
  "unknown-user": { code: Sv1ErrorCode.unauthorized, text: "the pool does not know this name any more" },
  "invalid-channel-id": {
    code: Sv1ErrorCode.notSubscribed,
    text: "the pool has closed this miner's channel; a new one is being opened",
    blameless: true,
  },
};

/** The answer for an error code of SubmitShares.Error. */
export function refusalOf(errorCode: string): ShareRefusal {
  return refusals[errorCode] ?? { code: Sv1ErrorCode.other, text: `refused by the pool: ${errorCode}` };
}

/** No pool: the share is lost, whoever it was. */
export const noPool: ShareRefusal = {
  code: Sv1ErrorCode.other,
  text: "no pool is reachable at the moment; the share is lost",
  blameless: true,
};

/** The pool went away between a share and its answer. */
export const unknownOutcome: ShareRefusal = {
  code: Sv1ErrorCode.other,
  text: "the connection to the pool broke before it confirmed this share",
  blameless: true,
};

/** A name that cannot be paid, in words for the device's owner. */
export function nameRefusal(errorCode: string): string {
  switch (errorCode) {
    case "unknown-user":
      return "the pool does not know this name: use ADDRESS.WORKER, with a Bitcoin address of the pool's network";
    case "invalid-user-identity":
      return "the address in this name cannot be paid: check it for typing errors and for the right network";
    default:
      return `the pool refused this name: ${errorCode}`;
  }
}

/** Refusals of a channel that say nothing about the name: worth another try a moment later. */
export const passingRefusals: ReadonlySet<string> = new Set([
  "no-template",
  "pool-not-ready",
  "pool-draining",
  "channel-capacity-exhausted",
]);
