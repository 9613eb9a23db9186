import type { JobLimits } from "./job-table.ts";

/** What all channels of a pool have in common. */
export interface ChannelSettings extends JobLimits {
  /** Shares vardiff aims at; above 0. */
  sharesPerMinute: number;
  /** Easiest target the pool gives, whatever the hash rate: bounds how fast shares can come. 1 … 2^256 − 1. */
  easiestTarget: bigint;
}

/** Six shares a minute; about a million hashes a share at least, so that 0.1 MH/s still gets its six. */
export const defaultChannelSettings: Readonly<ChannelSettings> = {
  sharesPerMinute: 6,
  easiestTarget: (1n << 236n) - 1n,
  maxJobs: 16,
  maxJobAgeMs: 120_000,
  maxRememberedShares: 8_192,
};
