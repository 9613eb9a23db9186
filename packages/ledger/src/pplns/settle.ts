import { type Allocation, allocate, type ClassWeights, type FeeTerms } from "./allocate.ts";
import type { Rational } from "./rational.ts";
import { WeightScale } from "./weights.ts";
import { type SliceHead, type Window, windowOf } from "./window.ts";

/** One account's credited work in a slice, in one fee class. */
export interface SliceCredit {
  /** Names the account: hex of its payout script. */
  readonly account: string;
  readonly feeClass: number;
  /** Expected hashes that are credited, 0 or more. */
  readonly credited: bigint;
}

/** A sealed slice with everybody's credit. */
export interface CreditedSlice extends SliceHead {
  readonly credits: Iterable<SliceCredit>;
}

/** What decides a settlement beside the slices. */
export interface SettlementTerms {
  /** Satoshis that the block's coinbase pays to the pool's scripts. */
  readonly reward: bigint;
  /** 32 bytes, as displayed. */
  readonly blockHash: Uint8Array;
  /** Length of the window in expected blocks. */
  readonly n: Rational;
  /** What each fee class costs, by its number. */
  readonly classes: (feeClass: number) => FeeTerms;
  /** Bytes of an account's name in tie-breaks. Default: from hex. */
  readonly accountKey?: (account: string) => Uint8Array;
  /** A donation of one account that differs from its class's. */
  readonly donationPpmOf?: (account: string, feeClass: number) => bigint;
}

/** What one account gets for a block in one fee class. */
export interface SettledCredit {
  readonly account: string;
  readonly feeClass: number;
  readonly net: bigint;
  readonly donation: bigint;
}

/** A block's reward, split. */
export interface Settlement {
  readonly window: Window;
  readonly fee: bigint;
  readonly donation: bigint;
  /** By fee class, then by account. Entries of weight 0 are left out. */
  readonly credits: readonly SettledCredit[];
}

/**
 * Settles a block from whole slices (newest first, those before the slice of the winning share). This is the definition,
 * which `lode audit replay` runs; the settler reaches the same figures from checkpoints.
 *
 * @throws RangeError when no slice holds credited work
 */
export function settleSlices(slices: Iterable<CreditedSlice>, terms: SettlementTerms): Settlement {
  const read: CreditedSlice[] = [];
  const window = windowOf(keep(slices, read), terms.n);
  const scale = new WeightScale(
    window,
    read.map(({ netWork }) => netWork),
  );
  const weights = new Map<number, Map<string, bigint>>();
  for (const { seq, netWork, credits } of read) {
    const { full, boundary } = scale.factors(netWork);
    const factor = seq === window.boundary?.seq ? boundary : full;
    for (const { account, feeClass, credited } of credits) {
      if (credited === 0n) continue;
      const ofClass = weights.get(feeClass) ?? new Map<string, bigint>();
      weights.set(feeClass, ofClass);
      ofClass.set(account, (ofClass.get(account) ?? 0n) + credited * factor);
    }
  }
  return { window, ...split(weights, terms) };
}

function* keep(slices: Iterable<CreditedSlice>, read: CreditedSlice[]): Iterable<CreditedSlice> {
  for (const slice of slices) {
    read.push(slice);
    yield slice;
  }
}

function split(
  weights: ReadonlyMap<number, ReadonlyMap<string, bigint>>,
  terms: SettlementTerms,
): Omit<Settlement, "window"> {
  const { reward, blockHash, classes, donationPpmOf } = terms;
  const accountKey = terms.accountKey ?? ((account: string) => Buffer.from(account, "hex"));
  const names = [...weights].sort(([a], [b]) => a - b);
  const accounts = names.map(([, ofClass]) => [...ofClass.keys()].sort());
  const weighed = names.map(([feeClass, ofClass], at): ClassWeights => {
    const ofThis = accounts[at]!;
    return {
      ...classes(feeClass),
      feeClass,
      weights: ofThis.map((account) => ofClass.get(account)!),
      accountKey: (index) => accountKey(ofThis[index]!),
      ...(donationPpmOf === undefined
        ? {}
        : { donationPpmOf: (index: number) => donationPpmOf(ofThis[index]!, feeClass) }),
    };
  });
  const { fee, donation, classes: allocated }: Allocation = allocate(reward, weighed, blockHash);
  const credits = allocated.flatMap(({ feeClass, net, donations }, at) =>
    accounts[at]!.map((account, index) => ({
      account,
      feeClass,
      net: net[index]!,
      donation: donations[index]!,
    })),
  );
  return { fee, donation, credits };
}
