import { subsidyAt } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import type { PoolSettings, ShareRecorderLimits } from "@lode/pool-server";
import { type MiningServerSettings, miningServerDefaults } from "@lode/roles";
import type { Prng } from "@lode/testing/random";

/** Bounds of one process's pool, drawn anew at every start so that each is reached by some seeds. */
export interface PoolLimits {
  /** A few miners may be too many. */
  readonly isTight: boolean;
  /** Budgets for what is refused are the product's own: no honest miner may feel them. */
  readonly isPatient: boolean;
  readonly jobs: MiningServerSettings["channel"];
  readonly maxChannels: number;
  readonly maxChannelsPerConnection: number;
  readonly setupTimeoutMs: number;
  readonly standardRefreshMs: number;
  readonly extendedRefreshMs: number;
  readonly budgets: Budgets;
  readonly recorder: ShareRecorderLimits;
  readonly outageRefuseMs: number;
  readonly outageCloseMs: number;
  /** Who names no mode mines alone. */
  readonly solo: boolean;
  /** Of solo blocks, hundredths of a percent. */
  readonly feeBasisPoints: number;
}

/** Of the pool. */
export const POOL_SCRIPT = Uint8Array.of(0x00, 0x14, ...new Uint8Array(20).fill(0x77));
export const FEE_SCRIPT = Uint8Array.of(0x00, 0x14, ...new Uint8Array(20).fill(0x78));

type Budgets = Pick<
  MiningServerSettings,
  "invalidShares" | "invalidSharesPerChannel" | "invalidMessages" | "openings"
>;

/** Soon used up, also by honest miners. */
const impatient: Budgets = {
  invalidShares: { burst: 5, perSecond: 0.1 },
  invalidSharesPerChannel: 1,
  invalidMessages: { burst: 2, perSecond: 0.1 },
  openings: { burst: 8, perSecond: 0.1 },
};

/** One share in four hashes at most: a few tries find one, and targets above still differ. */
const EASIEST_TARGET = 1n << 254n;

/** Draws the bounds: mostly the product's own, sometimes so small that they matter. */
export function drawLimits(prng: Prng): PoolLimits {
  const tight = <T>(usual: T, small: readonly T[]) => (prng.chance(0.3) ? prng.pick(small) : usual);
  const maxChannels = tight(200_000, [2, 10, 30]);
  const patient = prng.chance(0.7);
  return {
    isPatient: patient,
    isTight: maxChannels < 200_000,
    jobs: {
      ...defaultChannelSettings,
      sharesPerMinute: 120,
      easiestTarget: EASIEST_TARGET,
      maxJobs: tight(16, [2, 4]),
      maxJobAgeMs: tight(120_000, [2_000, 20_000]),
      maxRememberedShares: tight(8_192, [4, 32]),
    },
    maxChannels,
    maxChannelsPerConnection: tight(10_000, [1, 3]),
    setupTimeoutMs: 10_000,
    standardRefreshMs: 30_000,
    extendedRefreshMs: 60_000,
    budgets: patient ? miningServerDefaults : impatient,
    recorder: {
      batchShares: tight(10_000, [1, 3, 10]),
      holdAfterMs: 5_000,
      overfullAfterMs: tight(600_000, [15_000, 60_000]),
      overfullBytes: tight(64 * 1024 * 1024, [512 * 20, 512 * 100]),
      retryMinMs: 50,
      retryMaxMs: 2_000,
    },
    outageRefuseMs: tight(30_000, [1_000, 10_000]),
    outageCloseMs: tight(600_000, [20_000, 120_000]),
    solo: prng.chance(0.5),
    feeBasisPoints: prng.pick([0, 0, 1, 250, 1_000]),
  };
}

/** The pool's settings for these bounds. */
export function settingsFor(limits: PoolLimits): PoolSettings {
  const { maxChannels, maxChannelsPerConnection, setupTimeoutMs } = limits;
  const { standardRefreshMs, extendedRefreshMs } = limits;
  return {
    payoutScript: POOL_SCRIPT,
    subsidyAt: (height) => subsidyAt(height, "mainnet"),
    tag: new TextEncoder().encode("/simulated/"),
    serverId: 7,
    outageRefuseMs: limits.outageRefuseMs,
    outageCloseMs: limits.outageCloseMs,
    mining: {
      maxChannels,
      maxChannelsPerConnection,
      setupTimeoutMs,
      standardRefreshMs,
      extendedRefreshMs,
      channel: limits.jobs,
      invalidShares: limits.budgets.invalidShares,
      invalidSharesPerChannel: limits.budgets.invalidSharesPerChannel,
      invalidMessages: limits.budgets.invalidMessages,
      openings: limits.budgets.openings,
    },
    recorder: limits.recorder,
  };
}
