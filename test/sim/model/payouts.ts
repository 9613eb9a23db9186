import { equalBytes, readCompactSize } from "@lode/bitcoin";
import type { Identity } from "@lode/mining";
import { FEE_SCRIPT, POOL_SCRIPT, type PoolLimits } from "./pool-limits.ts";

/** Bytes of a coinbase in front of its outputs, behind the extranonce: the input's sequence. */
const SEQUENCE = 4;

/**
 * What is wrong with the outputs of a job: whom they pay, in the plainest arithmetic there is.
 *
 * @param suffix of the coinbase, from behind the extranonce
 */
export function wrongPayout(suffix: Uint8Array, identity: Identity, limits: PoolLimits): string | null {
  const paid = outputsOf(suffix).filter(({ value }) => value > 0n);
  const total = paid.reduce((sum, { value }) => sum + value, 0n);
  const wanted = wantedOutputs(total, identity, limits).filter(({ value }) => value > 0n);
  const same =
    paid.length === wanted.length &&
    paid.every(
      ({ value, script }, at) => value === wanted[at]?.value && equalBytes(script, wanted[at].script),
    );
  if (same) return null;
  const text = paid.map(({ value, script }) => `${value} to ${Buffer.from(script).toString("hex")}`);
  return `pays ${text.join(", ")}, which is not what ${identity.address} (${identity.worker}) is to get`;
}

function wantedOutputs(total: bigint, identity: Identity, { feeBasisPoints }: PoolLimits) {
  const { payoutScript, solo, donationPercent = 0 } = identity;
  if (solo !== true || donationPercent === 100) return [{ value: total, script: POOL_SCRIPT }];
  const taken =
    donationPercent > 0
      ? (total * BigInt(donationPercent)) / 100n
      : (total * BigInt(feeBasisPoints)) / 10_000n;
  return [
    { value: total - taken, script: payoutScript },
    { value: taken, script: donationPercent > 0 ? POOL_SCRIPT : FEE_SCRIPT },
  ];
}

function outputsOf(suffix: Uint8Array) {
  const view = new DataView(suffix.buffer, suffix.byteOffset, suffix.length);
  const outputs: { value: bigint; script: Uint8Array }[] = [];
  let { value: left, next: at } = readCompactSize(suffix, SEQUENCE);
  for (; left > 0; left--) {
    const { value: size, next: end } = readCompactSize(suffix, at + 8);
    outputs.push({ value: view.getBigUint64(at, true), script: suffix.slice(end, end + size) });
    at = end + size;
  }
  return outputs;
}

/** Names what a block of the user pays: channels with one name may share a group, others may not. */
export function payoutName({ payoutScript, solo, donationPercent = 0 }: Identity): string {
  if (solo !== true) return "the pool";
  return donationPercent === 100
    ? "all given"
    : `${Buffer.from(payoutScript).toString("hex")} ${donationPercent}`;
}
