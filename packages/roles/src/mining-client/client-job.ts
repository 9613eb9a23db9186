import { concatBytes, merkleRoot, serializeHeader, sha256d } from "@lode/bitcoin";

/** Where a job's merkle root comes from: fixed (standard channels), or a coinbase to complete (extended ones). */
export type JobWork =
  | { readonly kind: "standard"; readonly merkleRoot: Uint8Array }
  | {
      readonly kind: "extended";
      readonly coinbaseTxPrefix: Uint8Array;
      readonly coinbaseTxSuffix: Uint8Array;
      /** One object for all members of a group that got the job with one message. */
      readonly merklePath: readonly Uint8Array[];
      /** The channel's when the job came: a later SetExtranoncePrefix does not change it (SV2 5.3.10). */
      readonly extranoncePrefix: Uint8Array;
    };

/** A job as it came, mined on or not. */
export interface ReceivedJob {
  readonly jobId: number;
  /** Header version to start from (u32). */
  readonly version: number;
  readonly versionRollingAllowed: boolean;
  readonly work: JobWork;
}

/** A job to mine on. */
export interface ActiveJob extends ReceivedJob {
  /** Header order. */
  readonly prevHash: Uint8Array;
  readonly nbits: number;
  /** Smallest ntime, seconds. */
  readonly minNtime: number;
  /** A share's hash may not be above it: 32 bytes, little-endian. Stays with the job (SV2 5.3.21). */
  readonly target: Uint8Array;
}

/** Merkle root of a job, header order. `extranonce` is the part behind the prefix; empty for a standard channel. */
export function merkleRootOf(work: JobWork, extranonce: Uint8Array): Uint8Array {
  if (work.kind === "standard") return work.merkleRoot;
  const { coinbaseTxPrefix, extranoncePrefix, coinbaseTxSuffix, merklePath } = work;
  const coinbase = concatBytes(coinbaseTxPrefix, extranoncePrefix, extranonce, coinbaseTxSuffix);
  return merkleRoot(sha256d(coinbase), merklePath);
}

/** The 80 bytes to hash. */
export function headerOf(
  job: ActiveJob,
  attempt: {
    readonly extranonce: Uint8Array;
    readonly version: number;
    readonly ntime: number;
    readonly nonce: number;
  },
): Uint8Array {
  const { extranonce, ...rest } = attempt;
  const { prevHash, nbits, work } = job;
  return serializeHeader({ ...rest, prevHash, nbits, merkleRoot: merkleRootOf(work, extranonce) });
}
