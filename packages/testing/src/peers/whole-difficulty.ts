import { bytesToTarget, targetToBytes } from "@lode/bitcoin";
import type { Scale } from "./scale.ts";

/**
 * Target that firmware makes of a pool's when it cuts difficulties to whole numbers, at least 1 (`sv2_target_to_pdiff`,
 * ESP-Miner v2.14.2 components/stratum_v2/sv2_protocol.c 548; NerdQAxe 573). It is the easier one of the two: what lies between
 * them such firmware hands in, and a pool that compares with its own target refuses it.
 */
export function wholeDifficultyTarget(target: Uint8Array, scale: Scale): Uint8Array {
  const difficulty = Math.max(1, Math.floor(scale.difficulty(bytesToTarget(target))));
  return targetToBytes(scale.difficultyOne / BigInt(difficulty));
}

/**
 * Whether firmware that cuts difficulties hands in nothing that the pool refuses. Up to one hash in 2^40 does not count: the firmware
 * divides in doubles.
 */
export function isSafeTarget(target: Uint8Array, scale: Scale): boolean {
  const exact = bytesToTarget(target);
  const tolerated = exact + (exact >> 40n);
  return bytesToTarget(wholeDifficultyTarget(target, scale)) <= tolerated;
}
