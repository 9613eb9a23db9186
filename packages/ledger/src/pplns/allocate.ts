import { createHash } from "node:crypto";
import { apportion } from "./apportion.ts";

const MILLION = 1_000_000n;

/** What a fee class costs. Tagged when a share is taken, so a change is never retroactive. */
export interface FeeTerms {
  /** The pool's fee in parts per million, 0 … 1,000,000. */
  readonly feePpm: bigint;
  /** What the miner gives to the pool of the rest, in parts per million. */
  readonly donationPpm: bigint;
}

/** The weights of one fee class. The arrays are parallel: one entry an account. */
export interface ClassWeights extends FeeTerms {
  /** u8; each class once. */
  readonly feeClass: number;
  readonly weights: readonly bigint[];
  /** What names an account in tie-breaks: its payout script. */
  readonly accountKey: (index: number) => Uint8Array;
  /** Replaces the class's `donationPpm` for single accounts. */
  readonly donationPpmOf?: (index: number) => bigint;
}

/** What one fee class got. gross = fee + the sum of net + the sum of donations. */
export interface ClassAllocation {
  readonly feeClass: number;
  readonly gross: bigint;
  readonly fee: bigint;
  /** Satoshis owed to each account, donation taken off; parallel to the weights. */
  readonly net: BigInt64Array;
  /** Satoshis each account gave. */
  readonly donations: BigInt64Array;
}

/** How a block's reward is split: fee + donation + the sum of all net is the reward, always. */
export interface Allocation {
  readonly classes: readonly ClassAllocation[];
  readonly fee: bigint;
  readonly donation: bigint;
}

/**
 * Splits a reward. First over fee classes, then, after each class's fee (rounded down, in the miner's favour), over its
 * accounts, both by largest remainder; last, donations are taken off, rounded down.
 *
 * @param reward satoshis that the block's coinbase pays to the pool's scripts
 * @param blockHash 32 bytes as displayed: with the class and the account it breaks ties that nobody can steer
 * @throws RangeError where no weight is above 0, and for terms out of range
 */
export function allocate(
  reward: bigint,
  classes: readonly ClassWeights[],
  blockHash: Uint8Array,
): Allocation {
  for (const { feePpm, donationPpm } of classes) {
    checkPpm(feePpm);
    checkPpm(donationPpm);
  }
  const sums = classes.map(({ weights }) => weights.reduce((sum, weight) => sum + weight, 0n));
  const grossOf = apportion(reward, sums, (index) => tieHash(blockHash, classes[index]!.feeClass));
  let fee = 0n;
  let donation = 0n;
  const allocated = classes.map((weighed, index): ClassAllocation => {
    const gross = grossOf[index]!;
    const classFee = (gross * weighed.feePpm) / MILLION;
    const net = apportion(gross - classFee, weighed.weights, (entry) =>
      tieHash(blockHash, weighed.feeClass, weighed.accountKey(entry)),
    );
    const donations = takeDonations(net, weighed);
    fee += classFee;
    for (const given of donations) donation += given;
    return { feeClass: weighed.feeClass, gross, fee: classFee, net, donations };
  });
  return { classes: allocated, fee, donation };
}

/** Takes donations off `net`, in place, and returns them. */
function takeDonations(net: BigInt64Array, { donationPpm, donationPpmOf }: ClassWeights): BigInt64Array {
  const donations = new BigInt64Array(net.length);
  if (donationPpm === 0n && donationPpmOf === undefined) return donations;
  for (let index = 0; index < net.length; index++) {
    const ppm = donationPpmOf?.(index) ?? donationPpm;
    checkPpm(ppm);
    donations[index] = (net[index]! * ppm) / MILLION;
    net[index]! -= donations[index]!;
  }
  return donations;
}

function checkPpm(ppm: bigint): void {
  if (ppm < 0n || ppm > MILLION) throw new RangeError(`${ppm} parts per million are out of range`);
}

/** SHA-256(block hash || class byte || account key). The class alone has an empty key. */
function tieHash(blockHash: Uint8Array, feeClass: number, accountKey?: Uint8Array): Uint8Array {
  const hash = createHash("sha256").update(blockHash).update(Uint8Array.of(feeClass));
  return (accountKey === undefined ? hash : hash.update(accountKey)).digest();
}
