/** A job as the simulated miner gets it. */
export interface IssuedJob {
  readonly id: number;
  /** Expected hashes of one share: the inverse of the target. */
  readonly work: number;
}

/** The pool's side of one channel: whatever gives out jobs and decides their targets. All times are milliseconds. */
export interface PoolSide {
  /** The newest job; another object whenever there is another. */
  readonly job: IssuedJob;
  /** When {@link wake} is to be called next. */
  readonly wakeAt: number;
  /** Runs what was due at {@link wakeAt}. */
  wake(now: number): void;
  /**
   * A share arrives.
   *
   * @param meetsTarget whether it meets the target of its job
   * @returns work credited for it, hashes; 0 when it is refused
   */
  submit(job: IssuedJob, meetsTarget: boolean, now: number): number;
}

/** What a pool is told when a channel opens. */
export interface OpenRequest {
  /** What the client claims, hashes per second. */
  claim: number;
  sharesPerMinute: number;
  /** Part of the timer's period that has passed when the channel opens, 0 … 1. */
  phase: number;
}

/** Makes the pool's side of a new channel, opened at time 0. */
export type PoolKind = (opening: OpenRequest) => PoolSide;

/** Every simulated pool gives the same easiest target: 2^20 hashes a share. */
export const LEAST_WORK = 2 ** 20;
