/** Found blocks in Postgres: who found them, what they pay, and what became of them. */
export {
  type BlockAttempt,
  type BlockFinder,
  type BlockRow,
  type BlockScheme,
  type BlockState,
  BlockStore,
  type NewBlock,
  type ScanPosition,
  SEEN_ON_CHAIN,
} from "./block-store.ts";
