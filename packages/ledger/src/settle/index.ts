/** From blocks to credits. */
export { type BlockCredits, blockCredits, creditLines } from "./block-credits.ts";
export {
  inputsHash,
  type PlacedWindow,
  type SliceReason,
  type WinningSlice,
  windowBelow,
  winningSlice,
} from "./settlement-terms.ts";
export { type Booked, Settler, type SettlerDeps } from "./settler.ts";
