import { defaultChannelSettings, parseIdentity } from "@lode/mining";
import type { MiningServerSettings } from "@lode/roles";

/** Everybody's account. */
export const user = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
export const identity = parseIdentity(user, "regtest");

/** Bounds so small that they are met. One share in four hashes at most, so that a few tries find one. */
export const limits = {
  ...defaultChannelSettings,
  sharesPerMinute: 120,
  easiestTarget: 1n << 254n,
  maxJobs: 4,
  maxJobAgeMs: 20_000,
  maxRememberedShares: 12,
};

/** What is refused is never too much here: budgets have tests of their own. */
const boundless = { burst: Number.POSITIVE_INFINITY, perSecond: 0 };

/** Whoever has no channel for so long is sent away. */
export const firstChannelTimeoutMs = 200_000;

export const settings: Partial<MiningServerSettings> = {
  firstChannelTimeoutMs,
  channel: limits,
  invalidShares: boundless,
  invalidMessages: boundless,
  openings: boundless,
};
