/** How a job's block is booked: `pool` is split among miners, `solo` pays its finder, `custom` was chosen by the miner. */
export type ShareJobKind = "pool" | "solo" | "custom";

/**
 * What the ledger keeps of a job. Money is satoshi, 0 … 2^63-1. Records of one job should share the object, which must never
 * change: encoding remembers it.
 */
export interface ShareJob {
  readonly kind: ShareJobKind;
  /** Hash of the block it builds on, 32 bytes, header order. */
  readonly prevHash: Uint8Array;
  /** Height of the block to be found, u32. */
  readonly height: number;
  /** Compact network target, u32. */
  readonly nbits: number;
  /** V: what its coinbase pays to scripts of the pool. */
  readonly value: bigint;
  /** V_ref: what a job of the pool's own paid; equal to `value` unless the job is custom. */
  readonly referenceValue: bigint;
  /** Transaction fees in the template. */
  readonly templateFees: bigint;
}

/**
 * One accepted share as the ledger keeps it. Who is paid (`payoutScript`, `feeClass`), how much (`creditedWork`) and where it
 * counts (`work`, `job`) move money; the rest explains it.
 */
export interface ShareRecord {
  /** The connection's number in its process, 1 … 2^32-1. */
  readonly connectionId: number;
  /** The channel's number on that connection, u32. */
  readonly channelId: number;
  /** `sequence_number` of the SubmitShares message, u32. */
  readonly sequenceNumber: number;
  /**
   * scriptPubKey that is paid, at most 65,535 bytes. Records of one channel should share the array, which must never change:
   * encoding remembers it.
   */
  readonly payoutScript: Uint8Array;
  /**
   * The worker's name for people, at most 255 bytes of UTF-8. It is network text and never stops a batch: what cannot be
   * stored (U+0000, lone surrogates) becomes U+FFFD, what is too long is cut between characters.
   */
  readonly worker: string;
  /** Which fee rule applies, u8. */
  readonly feeClass: number;
  /** Null in batches of layout 1, which had none; encoding needs one. */
  readonly job: ShareJob | null;
  /** Expected hashes of the job's target on that channel, 1 … 2^128-1. */
  readonly work: bigint;
  /** What counts for the miner, 0 … `work`. */
  readonly creditedWork: bigint;
  /** The pool server's wall clock, whole milliseconds since the epoch. Null in batches of layout 1; encoding needs one. */
  readonly receivedAt: number | null;
  /** Hash of its header, 32 bytes, internal order, when it met the network's target; else null. */
  readonly blockHash: Uint8Array | null;
}

/**
 * {@link ShareRecord.feeClass} of a pool job's share whose user gives so much of their part to the pool: 0 for nothing, 101 … 200
 * else. 1 is that of custom jobs. A policy that does not name the class treats it as class 0, so nothing is taken then.
 *
 * @param percent whole, 0 … 100
 */
export function donationClass(percent: number): number {
  return percent === 0 ? 0 : 100 + percent;
}

/** The batch's key: two batches with the same key are the same batch. */
export interface ShareBatchKey {
  /** Drawn once per process start, a lower-case UUID. */
  readonly run: string;
  /** Counts the run's batches, from 0. */
  readonly seq: number;
}

/** The address of a script, for people who read the database. */
export interface PayoutAddress {
  readonly payoutScript: Uint8Array;
  /** At most 128 bytes. */
  readonly address: string;
}

/** One immutable record of shares. Built once; every attempt to commit it sends the same bytes under the same key. */
export interface ShareBatch extends ShareBatchKey {
  /** Hours since the Unix epoch, fixed when the batch is built: names the partition, the same in every attempt. */
  readonly partHour: number;
  /** How many shares, at least 1. */
  readonly n: number;
  /** Sum of the shares' `work`, expected hashes. */
  readonly work: bigint;
  /** The shares (docs/share-batches.md). */
  readonly payload: Uint8Array;
  /** SHA-256 of `payload`. */
  readonly sha256: Uint8Array;
}

/** What goes with a commit and is no part of the batch. */
export interface CommitContext {
  /** How long ago the batch was cut, milliseconds: what the run accepted since then is in no batch yet. Default 0. */
  readonly behindMs?: number;
  /** Addresses of scripts in the batch that this run has not told before. Default none. */
  readonly addresses?: readonly PayoutAddress[];
}

/** Where share batches become durable. */
export interface ShareStore {
  /**
   * Resolves only when the batch is durable. Committing the same batch again is harmless.
   *
   * @throws {LedgerError} `unknown-outcome`: may or may not be stored, commit the same batch again;
   *   `batch-conflict`: another batch holds this key, fatal; other codes: the database refused for good.
   */
  commit(batch: ShareBatch, context?: CommitContext): Promise<void>;
  /**
   * Says that a run is alive and waits for nothing to become durable; a commit says so too. `ended`: it will commit no more.
   * The table `producer` shows it.
   *
   * @throws {LedgerError} as `commit`
   */
  renew(run: string, ended: boolean): Promise<void>;
}
