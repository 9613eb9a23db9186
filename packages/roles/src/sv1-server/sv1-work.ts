/** Work for one miner: everything of a mining.notify but its id, and what shares on it are judged by. */
export interface Sv1Work {
  /** Header order. */
  readonly prevHash: Uint8Array;
  /** Coinbase transaction without BIP141 fields up to extranonce1: what the upstream prescribes before it is in here. */
  readonly coinbase1: Uint8Array;
  /** The rest, from behind extranonce2. */
  readonly coinbase2: Uint8Array;
  readonly merklePath: readonly Uint8Array[];
  readonly version: number;
  readonly nbits: number;
  /** Smallest ntime that is accepted, seconds. */
  readonly minNtime: number;
  /** Difficulty that the miner is told; a share of exactly this difficulty must meet the target. */
  readonly difficulty: number;
  /** False: the header's version must stay as it is. */
  readonly versionRollingAllowed: boolean;
}

/** A share as a miner means it, checked in its form. */
export interface Sv1Share<W extends Sv1Work = Sv1Work> {
  /** JSON text of the request's id, for the answer. */
  readonly id: string;
  /** The name in the submit; not always the one that was authorized. */
  readonly worker: string;
  readonly work: W;
  /** Of the size that was granted. */
  readonly extranonce2: Uint8Array;
  readonly ntime: number;
  readonly nonce: number;
  /** The whole header version, rolled bits included. */
  readonly version: number;
}

/** What a miner wants, as far as it has said by now. */
export interface Sv1MinerWishes {
  /** Name and version of the firmware, as it came; of no use for trust. */
  readonly userAgent: string;
  /** Least difficulty by `minimum-difficulty` or the password; undefined without one. */
  readonly minimumDifficulty: number | undefined;
  /** mining.suggest_difficulty or suggest_target; undefined without one. */
  readonly suggestedDifficulty: number | undefined;
}
