/** The world in a box: a small chain with its node, and a Postgres of its own. */
export {
  extendChain,
  faucetOutpoints,
  minedBlock,
  spendAnyones,
  type TamperOptions,
  tamper,
} from "./chain/block-fixtures.ts";
export type { BlockEntry } from "./chain/block-index.ts";
export { Chain, ChainError, type ChainErrorType, type TipChange } from "./chain/chain.ts";
export { type Coin, outpointKey } from "./chain/coins.ts";
export { type ChainParameters, COIN } from "./chain/parameters.ts";
export { ANYONE_CAN_SPEND, TRUE_SCRIPT } from "./chain/spend-rules.ts";
export { Mempool, MempoolError, type MempoolErrorType } from "./mempool/mempool.ts";
export { type DevnetNode, type DevnetNodeOptions, startDevnetNode } from "./node/devnet-node.ts";
export {
  type EmbeddedPostgres,
  NoPostgresError,
  NoUserError,
  PostgresError,
  type PostgresLocation,
  type PostgresUser,
  type StartPostgresOptions,
  startPostgres,
} from "./postgres/index.ts";
