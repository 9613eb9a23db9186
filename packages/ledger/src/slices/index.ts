/** Sealed slices in their compact form: credit lists and their bytes, sums over windows, roots and proofs. */
export { type CreditSection, decodeCredits, encodeCredits } from "./credit-codec.ts";
export { type CreditEntry, CreditList } from "./credit-list.ts";
export { CreditTotals } from "./credit-totals.ts";
export {
  byPseudonym,
  merkleSumProof,
  merkleSumRoot,
  type ProofStep,
  pseudonym,
  rootOfProof,
  type SliceRow,
  type SumNode,
  type WorkSum,
} from "./merkle-sum.ts";
export { SliceError, type SliceErrorType } from "./slice-error.ts";
export { type SliceHeader, sliceHash } from "./slice-header.ts";
export {
  type AccountWeights,
  type CreditSource,
  readWindow,
  type WindowSection,
  windowWeights,
} from "./window-credits.ts";
export { CHECKPOINT_EVERY, ERA_SLICES, endsCheckpoint, eraStart, planReads } from "./window-reads.ts";
