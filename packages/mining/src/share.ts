import type { Identity } from "./identity.ts";
import type { MiningJob } from "./job.ts";
import type { JobFacts } from "./job-facts.ts";

/** What SubmitSharesStandard and SubmitSharesExtended say (SV2 5.3.11, 5.3.12). Integers are u32. */
export interface ShareSubmission {
  sequenceNumber: number;
  jobId: number;
  nonce: number;
  /** Seconds. */
  ntime: number;
  /** Full header version. */
  version: number;
  /** What the client chose behind the channel's prefix; null for SubmitSharesStandard, which has none. Not kept. */
  extranonce: Uint8Array | null;
  /**
   * Worker that the share itself names (extension 0x0002), cleaned; undefined: the channel's; null: the fields that extensions
   * added could not be read.
   */
  worker?: string | null | undefined;
}

/**
 * Every reason a channel refuses a share, with the string that goes into SubmitShares.Error, in the order the checks run.
 * `invalid-channel-id` is missing because only the session can say it.
 */
export const shareErrors = {
  /** The job was never given to this channel, or it is older than what is retained. */
  unknownJob: "invalid-job-id",
  /** The extranonce is not `extranonceSize` long, or a standard share went to an extended channel or the reverse. */
  extranonceSize: "bad-extranonce-size",
  /** A field that a negotiated extension added cannot be read, or is too long (0x0002). Lode's own. */
  extensionFields: "invalid-extension-fields",
  /** The job's tip is no longer the tip. */
  stale: "stale-share",
  /** A version bit outside the BIP323 mask differs from the job's. */
  versionBits: "invalid-non-rollable-version-bit",
  /** ntime is below the tip's first min_ntime, or more than two hours ahead of both the wall clock and the job's min_ntime. */
  ntime: "invalid-share",
  /** The hash is above the target the job was bound to. */
  aboveTarget: "difficulty-too-low",
  /** The same header was accepted before. */
  duplicate: "duplicate-share",
  /** More shares were accepted on this job than the channel may remember. Lode's own; a miner with vardiff never sees it. */
  tooMany: "too-many-shares",
} as const;

/** A string of {@link shareErrors}. */
export type ShareErrorCode = (typeof shareErrors)[keyof typeof shareErrors];

/** A share that is worth money. Made once, when it is accepted; never changed. */
export interface AcceptedShare {
  connectionId: number;
  channelId: number;
  sequenceNumber: number;
  identity: Identity;
  /** Cleaned name of the machine, the identity's unless the share names another. Never decides who is paid. */
  worker: string;
  /** Expected hashes of the target the job was bound to, whatever the hash was. */
  work: bigint;
  /** What of {@link work} counts for the miner. */
  creditedWork: bigint;
  job: JobFacts;
  /** Hash of its header, internal order, when that is at or under the network's target; else null. */
  blockHash: Uint8Array | null;
  /** Wall clock, milliseconds. */
  receivedAt: number;
}

/** Where accepted shares go. Must not throw; durability is told later through `MiningServer.acknowledge`. */
export interface ShareSink {
  record(share: AcceptedShare): void;
}

/** A header at or under the network's target that this channel has not reported yet. */
export interface FoundBlock {
  job: MiningJob;
  /** Of the job as this channel had it: how the block is booked, and what it pays the pool. */
  facts: JobFacts;
  /** 80 bytes. */
  header: Uint8Array;
  /** Internal order. */
  hash: Uint8Array;
  /** Whole coinbase transaction without BIP141 fields. */
  coinbaseTx: Uint8Array;
  version: number;
  ntime: number;
  nonce: number;
  identity: Identity;
  connectionId: number;
  channelId: number;
  /** Wall clock, milliseconds. */
  foundAt: number;
}

/** What became of a submission. A `block` must be submitted whether or not the share was accepted. */
export type ShareVerdict =
  | {
      accepted: true;
      share: AcceptedShare;
      block: FoundBlock | undefined;
      /** Vardiff wants another target: give this channel a fresh job. */
      retarget: boolean;
    }
  | { accepted: false; code: ShareErrorCode; block: FoundBlock | undefined };
