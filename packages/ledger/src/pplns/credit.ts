/**
 * Credited work of a share on a custom job (`capped`): scaled by what its coinbase pays the pool against what the pool's own
 * jobs pay, never above the work done. floor(work * min(value, reference) / reference).
 *
 * @param value satoshis that the job's coinbase pays to the pool's scripts, 0 or more
 * @param reference the same of the pool's own jobs, frozen when the job was accepted, above 0
 */
export function cappedCredit(work: bigint, value: bigint, reference: bigint): bigint {
  if (reference <= 0n || value < 0n || work < 0n) throw new RangeError("a job's value is out of range");
  return value >= reference ? work : (work * value) / reference;
}
