import { maxTarget } from "@lode/bitcoin";
import type { Scale } from "./scale.ts";

/** hash_rate_to_target (channels_sv2 8.0.0, src/target.rs): (2^256 − 1 − hs) / (hs + 1), hs hashes between two shares. */
export function targetForRate(hashesPerSecond: number, sharesPerMinute: number): bigint {
  const hashes = BigInt(Math.floor((hashesPerSecond * 60) / sharesPerMinute));
  return (maxTarget - hashes) / (hashes + 1n);
}

/** hash_rate_from_target, its inverse. */
export function rateForTarget(target: bigint, sharesPerMinute: number): number {
  return (Number((maxTarget - target) / (target + 1n)) * sharesPerMinute) / 60;
}

/**
 * The target an SV1 miner is told for a target (stratum_translation 0.5.0, src/sv2_to_sv1.rs, advertised_sv1_difficulty…):
 * difficulties from 1 are rounded down to a power of two, smaller ones stay.
 */
export function advertisedTarget(target: bigint, scale: Scale): bigint {
  const difficulty = Math.floor(scale.difficulty(target));
  if (difficulty < 1) return target;
  const advertised = scale.difficultyOne >> BigInt(Math.floor(Math.log2(difficulty)));
  return advertised > maxTarget ? maxTarget : advertised;
}

/** Estimate of a miner's hash rate: channels_sv2 8.0.0, src/vardiff/classic.rs, try_vardiff. */
export class ClassicVardiff {
  shares = 0;
  #since: number;
  readonly #floor: number;

  /**
   * @param now monotonic milliseconds
   * @param floor hashes per second, `min_allowed_hashrate`
   */
  constructor(now: number, floor: number) {
    this.#since = now;
    this.#floor = floor;
  }

  /** A new estimate, or undefined while the old one will do. */
  reconsider(hashrate: number, target: bigint, now: number): number | undefined {
    const seconds = Math.floor((now - this.#since) / 1000);
    if (seconds <= 15) return undefined;
    const perMinute = this.shares / (seconds / 60);
    let estimate = rateForTarget(target, perMinute);
    const change = (Math.abs(estimate - hashrate) / hashrate) * 100;
    const enough = STEPS.some(([percent, after]) => change >= percent && seconds >= after);
    if (!enough) return undefined;
    if (this.shares === 0) estimate = hashrate / (seconds <= 30 ? 1.5 : seconds < 60 ? 2 : 3);
    else if (change > 1000) estimate = hashrate * (seconds <= 30 ? 10 : seconds < 60 ? 5 : 3);
    this.shares = 0;
    this.#since = now;
    return Math.max(estimate, this.#floor);
  }
}

/** Change in percent that is enough after so many seconds. */
const STEPS = [
  [100, 0],
  [60, 60],
  [50, 120],
  [45, 180],
  [30, 240],
  [15, 300],
] as const;
