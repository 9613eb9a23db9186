import { bytesToTarget, DIFF1_TARGET } from "@lode/bitcoin";

/**
 * The difficulty that a miner is told for a target: never easier than the target, so that no share of it is refused, and at most
 * 2e-11 of it harder. Whole numbers stay whole: those of Lode's targets are meant to be.
 *
 * @param target 32 bytes, little-endian
 */
export function toldDifficulty(target: Uint8Array): number {
  const value = bytesToTarget(target);
  if (value === 0n) return Number.MAX_VALUE;
  // Rounded up to a multiple of 2^-96; the double has 53 bits, and what it loses the last step gives back.
  const exact = Number(((DIFF1_TARGET << FRACTION_BITS) + value - 1n) / value) / 2 ** Number(FRACTION_BITS);
  const whole = Math.round(exact);
  if (whole >= 1 && Math.abs(exact - whole) <= whole * 1e-13) return whole;
  return Number((exact * (1 + 5.1e-12)).toPrecision(12));
}

/** Target of a difficulty: the easiest that a share of it may have. The double is taken for the exact number it is. */
export function targetOfDifficulty(difficulty: number): bigint {
  const exponent = Math.floor(Math.log2(Math.min(Math.max(difficulty, 2 ** -MOST), 2 ** MOST)));
  const shift = MANTISSA_BITS - exponent;
  const mantissa = BigInt(Math.round(Math.min(difficulty, 2 ** MOST) * 2 ** shift)) || 1n;
  const target =
    shift >= 0 ? (DIFF1_TARGET << BigInt(shift)) / mantissa : DIFF1_TARGET / (mantissa << BigInt(-shift));
  return target > EASIEST ? EASIEST : target < 1n ? 1n : target;
}

const FRACTION_BITS = 96n;
const MANTISSA_BITS = 53;
/** Nothing is harder than 2 to this power, or easier than its reverse. */
const MOST = 240;
const EASIEST = (1n << 256n) - 1n;
