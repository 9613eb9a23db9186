import type { NativeJob } from "@lode/native";
import type { JobFacts } from "./job-facts.ts";
import type { Tip } from "./tip.ts";

/** A block template as its source sent it (NewTemplate, SV2 7.2), with the name of the source it came from. */
export interface Template {
  /** Which source; template ids mean something only to it. */
  readonly sourceId: string;
  readonly templateId: bigint;
  /** Height of the block it is for: the BIP34 push at the start of {@link coinbasePrefix}. */
  readonly height: number;
  /** Header version (u32). */
  readonly version: number;
  readonly coinbaseTxVersion: number;
  /** Start of the scriptSig: the BIP34 push and whatever the source wants behind it. */
  readonly coinbasePrefix: Uint8Array;
  readonly coinbaseTxInputSequence: number;
  /** Satoshi for the pool's own output. */
  readonly coinbaseTxValueRemaining: bigint;
  /** Serialized outputs that must follow the pool's, without a count. */
  readonly coinbaseTxOutputs: Uint8Array;
  readonly coinbaseTxOutputsCount: number;
  readonly coinbaseTxLocktime: number;
  /** Hashes of 32 bytes, deepest first. */
  readonly merklePath: readonly Uint8Array[];
}

/**
 * One piece of work for every channel: what NewExtendedMiningJob carries, and the handle that checks shares against it.
 * Job ids are the session's; `serial` is the job's own name and is in its coinbase, so no two jobs are the same work.
 *
 * Nothing frees `handle` explicitly. A job is shared by thousands of channels and is let go when the last of them forgets
 * it; the garbage collector then frees the native memory. What can be held is bounded because every holder is: the pool
 * holds its current job, a channel at most the jobs its settings allow.
 */
export interface MiningJob {
  /** Counts the jobs of this process from 0 and never wraps; its low 32 bits are in the coinbase. */
  readonly serial: number;
  readonly template: Template;
  readonly tip: Tip;
  /** Smallest ntime of a share (SV2 5.3.15), seconds. */
  readonly minNtime: number;
  /** Header version to start from (u32). */
  readonly version: number;
  /** Coinbase without BIP141 fields, up to the extranonce. */
  readonly coinbaseTxPrefix: Uint8Array;
  /** Coinbase without BIP141 fields, from behind the extranonce. */
  readonly coinbaseTxSuffix: Uint8Array;
  readonly merklePath: readonly Uint8Array[];
  readonly handle: NativeJob;
  /** For the books; jobs of one template share it. */
  readonly facts: JobFacts;
  /** `tip.target` as 32 little-endian bytes. */
  readonly networkTarget: Uint8Array;
  /** Wall clock, milliseconds. */
  readonly createdAt: number;
}
