import { DIFF1_TARGET, maxTarget as easiestOfAll, targetFromHashrate, workOfTarget } from "@lode/bitcoin";
import { CodedError } from "@lode/ports";

/** Why a channel cannot be opened or updated: strings of OpenMiningChannel.Error and UpdateChannel.Error. */
export type ChannelErrorType =
  | { code: "invalid-nominal-hashrate"; value: number }
  | { code: "max-target-out-of-range" };
/** Thrown by the constructor of `Channel` and by `Channel.update`; nothing has changed then. */
export class ChannelError extends CodedError<ChannelErrorType> {}

/**
 * Checks what a client says about itself when it opens or updates a channel (SV2 5.3.2, 5.3.7). A rate of 0 is a proxy
 * without miners yet. A maximum target of 0 is met by no hash, so no work could ever be given.
 *
 * @throws ChannelError
 */
export function checkClientWishes(nominalHashrate: number, maxTarget: bigint): void {
  if (!Number.isFinite(nominalHashrate) || nominalHashrate < 0) {
    throw new ChannelError({ code: "invalid-nominal-hashrate", value: nominalHashrate });
  }
  if (maxTarget < 1n || maxTarget > easiestOfAll) throw new ChannelError({ code: "max-target-out-of-range" });
}

/** What limits a channel's target on the easy side. */
export interface TargetLimits {
  sharesPerMinute: number;
  /** The pool's limit. */
  easiestTarget: bigint;
  /** The client's limit (max_target, maximum_target). */
  maxTarget: bigint;
}

/**
 * Target for a hash rate: {@link TargetLimits.sharesPerMinute} shares, but never easier than either limit. From difficulty 8 on
 * it is that of a whole difficulty: some firmware cuts the rest off (NerdQAxe of June 2026, ESP-Miner before 2.15) and would send
 * shares that are too easy; below, whole difficulties are too far apart to follow a hash rate. Limits are kept to the bit.
 */
export function targetForHashrate(hashesPerSecond: number, limits: TargetLimits): bigint {
  const easiest = smaller(limits.easiestTarget, limits.maxTarget);
  const target = smaller(targetFromHashrate(hashesPerSecond, limits.sharesPerMinute), easiest);
  if (target === easiest || target > DIFF1_TARGET / 8n) return target;
  const whole = targetOfDifficulty(DIFF1_TARGET / target);
  return whole <= easiest ? whole : target;
}

/** A little harder than the difficulty: firmware divides in doubles and must not come out below it. */
function targetOfDifficulty(difficulty: bigint): bigint {
  const exact = DIFF1_TARGET / difficulty;
  return exact - (exact >> 48n);
}

/**
 * The target a channel gets on a tip. A hash between a target harder than the network's and the network's own would be a
 * block but no share, and a miner that filters by its target would not even send it. So the network's target is the
 * hardest there is, with two exceptions:
 * - Where the miner's rate (the one `target` stands for) would meet the network's target more than once a second, as on
 *   test networks, `target` stays: there blocks are worth nothing and shares must not flood the pool.
 * - The client's own limit stands (SV2 5.3.7 MUST), even when it is harder than the network's.
 *
 * @param target from {@link targetForHashrate}
 */
export function targetOnTip(target: bigint, networkTarget: bigint, limits: TargetLimits): bigint {
  if (target >= networkTarget) return target;
  // shares a second at the network's target = work(target) · sharesPerMinute / 60 / work(networkTarget)
  const sharesPer1000Minutes = BigInt(Math.round(limits.sharesPerMinute * 1000));
  const floods = workOfTarget(target) * sharesPer1000Minutes > 60_000n * workOfTarget(networkTarget);
  return floods ? target : smaller(networkTarget, limits.maxTarget);
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
