import { CodedError } from "@lode/ports";
import { DIFF1_TARGET, maxTarget } from "./targets.ts";

const TWO_256 = 1n << 256n;

/** A rate that is no rate. */
export type RateErrorType = { code: "invalid-hashrate" | "invalid-shares-per-minute"; value: number };
/** Thrown by the conversions between hash rates and targets. */
export class RateError extends CodedError<RateErrorType> {}

/** Expected hashes to meet `target` (0 … 2^256 − 1): floor(2^256 / (target + 1)). Exact; this is what is paid. */
export function workOfTarget(target: bigint): bigint {
  return TWO_256 / (target + 1n);
}

/**
 * Target at which a miner is expected to find `sharesPerMinute` shares: with h hashes per share, (2^256 − h) / (h + 1), the
 * reference implementation's formula, clamped to 1 … 2^256 − 1. A rate of 0 gives the easiest target.
 *
 * @param hashesPerSecond finite and not negative (SetupConnection's nominal_hash_rate may be 0)
 * @param sharesPerMinute finite and above 0
 * @throws RateError
 */
export function targetFromHashrate(hashesPerSecond: number, sharesPerMinute: number): bigint {
  if (!Number.isFinite(hashesPerSecond) || hashesPerSecond < 0) {
    throw new RateError({ code: "invalid-hashrate", value: hashesPerSecond });
  }
  checkSharesPerMinute(sharesPerMinute);
  const hashesPerShare = Math.floor((hashesPerSecond * 60) / sharesPerMinute);
  if (hashesPerShare >= 2 ** 255) return 1n;
  const hashes = BigInt(hashesPerShare);
  const target = (TWO_256 - hashes) / (hashes + 1n);
  return target > maxTarget ? maxTarget : target;
}

/**
 * Inverse of {@link targetFromHashrate}: the rate, in hashes per second, of a miner that finds `sharesPerMinute` shares at
 * `target`. A float, good to about 15 digits: for display, vardiff and metrics, never for money.
 *
 * @throws RateError `invalid-shares-per-minute`
 */
export function hashrateFromTarget(target: bigint, sharesPerMinute: number): number {
  checkSharesPerMinute(sharesPerMinute, true);
  const hashesPerShare = Number(TWO_256 - target) / Number(target + 1n);
  return (hashesPerShare * sharesPerMinute) / 60;
}

/** Difficulty relative to {@link DIFF1_TARGET}, for display only. Infinity for target 0. */
export function difficultyOfTarget(target: bigint): number {
  return Number(DIFF1_TARGET) / Number(target);
}

function checkSharesPerMinute(value: number, mayBeZero = false): void {
  if (!Number.isFinite(value) || value < 0 || (value === 0 && !mayBeZero)) {
    throw new RateError({ code: "invalid-shares-per-minute", value });
  }
}
