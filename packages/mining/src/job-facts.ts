/** How a block of a job is booked: `pool` is split among miners, `solo` pays its finder, `custom` was chosen by the miner. */
export type JobKind = "pool" | "solo" | "custom";

/** What a job's shares carry into the books. One frozen object per job, or for all jobs of a template; money in satoshi. */
export interface JobFacts {
  readonly kind: JobKind;
  /** Hash of the block it builds on, 32 bytes, header order. */
  readonly prevHash: Uint8Array;
  /** Height of the block to be found. */
  readonly height: number;
  /** Compact network target (u32). */
  readonly nbits: number;
  /** V: what the coinbase pays to scripts of the pool. */
  readonly value: bigint;
  /** V_ref: what a job of the pool's own paid; `value` itself unless the job is custom. */
  readonly referenceValue: bigint;
  /** Transaction fees in the template. */
  readonly templateFees: bigint;
}

/** What of a share's work counts for the miner: none of a solo job's, and of a custom job's what its value bears out. */
export function creditedWork(work: bigint, { kind, value, referenceValue }: JobFacts): bigint {
  if (kind === "pool") return work;
  if (kind === "solo") return 0n;
  return value >= referenceValue ? work : (work * value) / referenceValue;
}
