import { MAX_FUTURE_NTIME } from "@lode/mining";
import type { Sv1Request } from "@lode/protocol/sv1";
import type { Sv1Work } from "./sv1-work.ts";

type SubmitParams = Extract<Sv1Request, { name: "submit" }>["params"];

/**
 * What is wrong with a share before anything is hashed, in words for the device's owner; undefined when it is fine.
 *
 * @param mask version bits that the miner might roll when it got the job
 * @param now wall clock, milliseconds
 */
export function faultOfForm(
  { extranonce2, ntime, versionBits }: SubmitParams,
  work: Sv1Work,
  mask: number,
  extranonce2Size: number,
  now: number,
): string | undefined {
  if (extranonce2.length !== extranonce2Size) {
    return `extranonce2 has ${extranonce2.length} bytes, ${extranonce2Size} are due`;
  }
  if (versionBits !== null && (versionBits & ~mask) !== 0) {
    return "version bits outside of the mask that was granted";
  }
  if (ntime < work.minNtime) return "ntime is before the job's";
  if (ntime > Math.floor(now / 1000) + MAX_FUTURE_NTIME) {
    return "ntime is more than two hours ahead: check the clock";
  }
  return undefined;
}

/** The header's version of a share: the job's, with the bits under the mask replaced (BIP310). Null: nothing was rolled. */
export function rolledVersion(version: number, bits: number | null, mask: number): number {
  return (version ^ ((version ^ (bits ?? version)) & mask)) >>> 0;
}
