import { CodedError } from "@lode/ports";
import type { Identity } from "./identity.ts";
import type { Instant } from "./instant.ts";
import type { MiningJob } from "./job.ts";
import type { AcceptedShare, ShareSubmission, ShareVerdict } from "./share.ts";

/** Why a channel cannot be opened or updated: strings of OpenMiningChannel.Error and UpdateChannel.Error. */
export type ChannelErrorType =
  | { code: "invalid-nominal-hashrate"; value: number }
  | { code: "max-target-out-of-range" };
/** Thrown by the constructor of {@link Channel} and by {@link Channel.update}; nothing has changed then. */
export class ChannelError extends CodedError<ChannelErrorType> {}

/** What all channels of a pool have in common. */
export interface ChannelSettings {
  /** Shares vardiff aims at. */
  sharesPerMinute: number;
  /** Easiest target the pool gives, whatever the hash rate: bounds how fast shares can come. */
  easiestTarget: bigint;
  /** Jobs of one tip a channel remembers, the newest included. */
  maxJobs: number;
  /** How long a superseded job of the same tip is still credited, milliseconds. */
  maxJobAgeMs: number;
  /** Accepted shares a channel remembers to recognise duplicates. */
  maxRememberedShares: number;
}

/** What a new channel is made of. */
export interface ChannelOptions {
  settings: ChannelSettings;
  connectionId: number;
  /** Chosen by the session, unique in the connection. */
  id: number;
  kind: "standard" | "extended";
  identity: Identity;
  /** 4 bytes from the {@link ExtranonceAllocator}; releasing them stays the session's duty, also when opening fails. */
  extranoncePrefix: Uint8Array;
  /** nominal_hash_rate, hashes per second; 0 is valid (SV2 5.3.2). */
  nominalHashrate: number;
  /** max_target. */
  maxTarget: bigint;
  now: Instant;
}

/** What a SubmitShares.Success says (SV2 5.3.13). */
export interface Acknowledgement {
  lastSequenceNumber: number;
  newSubmitsAcceptedCount: number;
  /** Sum of difficulties, u64. */
  newSharesSum: bigint;
}

/** One channel: its extranonce, jobs, targets and what is owed to it. */
export class Channel {
  readonly connectionId: number;
  readonly id: number;
  readonly kind: "standard" | "extended";
  readonly identity: Identity;
  /** As the client gets it: 20 bytes for a standard channel (16 of them zero), 4 for an extended one. */
  readonly extranoncePrefix: Uint8Array;
  /** Bytes the client chooses: 0 for a standard channel, 16 for an extended one. */
  readonly extranonceSize: number;
  readonly settings: ChannelSettings;

  constructor(options: ChannelOptions) {
    this.settings = options.settings;
    this.connectionId = options.connectionId;
    this.id = options.id;
    this.kind = options.kind;
    this.identity = options.identity;
    this.extranoncePrefix = options.extranoncePrefix;
    this.extranonceSize = options.kind === "standard" ? 0 : 16;
  }

  /** Target the client was last told and the newest job is judged by. */
  get target(): bigint {
    throw new Error("not yet");
  }
  /** {@link target} for the wire: 32 bytes, little-endian. Not to be changed. */
  get targetBytes(): Uint8Array {
    throw new Error("not yet");
  }
  /** Estimated hashes per second, for display. */
  get hashrate(): number {
    throw new Error("not yet");
  }
  /** The newest job, undefined before the first. */
  get job(): MiningJob | undefined {
    throw new Error("not yet");
  }
  /** Monotonic time of the newest job's activation: when a refresh is due is the session's to decide. */
  get activatedAt(): number {
    throw new Error("not yet");
  }

  /**
   * The client works on `job` from now on, under `jobId`. Binds the channel's target to it.
   *
   * @returns true when {@link target} changed: SetTarget must leave before the job does (or, while opening, the Success
   *   message carries it)
   */
  activate(_jobId: number, _job: MiningJob, _now: Instant): boolean {
    throw new Error("not yet");
  }

  /** Judges a share. */
  checkShare(_submission: ShareSubmission, _now: Instant): ShareVerdict {
    throw new Error("not yet");
  }

  /** To be called every few seconds. @returns true when a fresh job should be activated to bring a new target into force */
  onTimer(_now: Instant): boolean {
    throw new Error("not yet");
  }

  /** UpdateChannel (SV2 5.3.7). @returns as {@link onTimer} @throws ChannelError */
  update(_nominalHashrate: number, _maxTarget: bigint, _now: Instant): boolean {
    throw new Error("not yet");
  }

  /** Counts a share of this channel that is durable now. */
  acknowledge(_share: AcceptedShare): void {
    throw new Error("not yet");
  }

  /** What is durable and was not acknowledged yet, and forgets it; undefined when there is nothing. */
  takeAcknowledgement(): Acknowledgement | undefined {
    throw new Error("not yet");
  }

  /** Forgets all jobs; shares find no job any more. */
  close(): void {}
}
