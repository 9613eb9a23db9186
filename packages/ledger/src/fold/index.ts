/** From stored share batches to sealed slices. */
export { AccountNames, saltsOf } from "./account-names.ts";
export {
  type FoldBatch,
  type FoldShare,
  OpenSlice,
  OpenSlices,
  type SliceTip,
  SOLO_CLASS,
  windowWork,
} from "./open-slices.ts";
export { feeClasses, type Policy, type PolicyTerms, putPolicy } from "./policy.ts";
export { Sequencer, type SequencerDeps } from "./sequencer.ts";
export {
  type FoldCursor,
  type FoldState,
  netWorkOf,
  type RunState,
  type SealedSlice,
  SliceStore,
} from "./slice-store.ts";
