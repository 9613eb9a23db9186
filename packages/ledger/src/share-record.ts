/** One accepted share as the ledger keeps it. Who is paid (`payoutScript`) and how much (`work`) move money; the rest explains it. */
export interface ShareRecord {
  /** The connection's number in its process, 1 … 2^32-1. */
  readonly connectionId: number;
  /** The channel's number on that connection, u32. */
  readonly channelId: number;
  /** `sequence_number` of the SubmitShares message, u32. */
  readonly sequenceNumber: number;
  /** scriptPubKey that is paid, at most 65,535 bytes. Records of one channel should share the array: encoding is faster. */
  readonly payoutScript: Uint8Array;
  /**
   * The worker's name for people, at most 255 bytes of UTF-8. It is network text and never stops a batch: what cannot be
   * stored (U+0000, lone surrogates) becomes U+FFFD, what is too long is cut between characters.
   */
  readonly worker: string;
  /** Which fee rule applies, u8. */
  readonly feeClass: number;
  /** Credited work in expected hashes: that of the job's target on that channel, 1 … 2^128-1. */
  readonly work: bigint;
}

/** The batch's key: two batches with the same key are the same batch. */
export interface ShareBatchKey {
  /** Drawn once per process start, a lower-case UUID. */
  readonly run: string;
  /** Counts the run's batches, from 0. */
  readonly seq: number;
}

/** One immutable record of shares. Built once; every attempt to commit it sends the same bytes under the same key. */
export interface ShareBatch extends ShareBatchKey {
  /** Hours since the Unix epoch, fixed when the batch is built: names the partition, the same in every attempt. */
  readonly partHour: number;
  /** How many shares, at least 1. */
  readonly n: number;
  /** Sum of the shares' work, expected hashes. */
  readonly work: bigint;
  /** The shares (docs/share-batches.md). */
  readonly payload: Uint8Array;
  /** SHA-256 of `payload`. */
  readonly sha256: Uint8Array;
}

/** Where share batches become durable. */
export interface ShareStore {
  /**
   * Resolves only when the batch is durable. Committing the same batch again is harmless.
   *
   * @throws {LedgerError} `unknown-outcome`: may or may not be stored, commit the same batch again;
   *   `batch-conflict`: another batch holds this key, fatal; other codes: the database refused for good.
   */
  commit(batch: ShareBatch): Promise<void>;
}
