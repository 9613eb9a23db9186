/**
 * Unit-PPLNS over sealed slices: pure functions over integers and exact fractions. A share is worth its work divided by the
 * network's difficulty at its own time; a block pays the last N such units before the slice of its winning share.
 */
export {
  type Allocation,
  allocate,
  type ClassAllocation,
  type ClassWeights,
  type FeeTerms,
} from "./allocate.ts";
export { apportion } from "./apportion.ts";
export { cappedCredit } from "./credit.ts";
export { type Rational, reduced } from "./rational.ts";
export {
  type CreditedSlice,
  type SettledCredit,
  type Settlement,
  type SettlementTerms,
  type SliceCredit,
  settleSlices,
} from "./settle.ts";
export { type WeightFactors, WeightScale } from "./weights.ts";
export { type SliceHead, type Window, windowOf } from "./window.ts";
