export {
  type BlockCandidate,
  type CandidateState,
  type CandidateStore,
  candidateDirectory,
} from "./block-candidates.ts";
export { BlockSubmitter, type BlockTarget } from "./block-submitter.ts";
export { PoolConfigError } from "./config/configured-parts.ts";
export { type PoolServerConfig, poolServerSchema } from "./config/pool-server-config.ts";
export { blockOf, listenerLimits, miningLimits } from "./limits/limits-in-force.ts";
export { strikeReasons } from "./limits/strike-reasons.ts";
export { type NotReady, Pool, type PoolDeps, type PoolSettings, type PoolStatus } from "./pool.ts";
export { type PoolServer, type PoolServerDeps, startPoolServer } from "./pool-server.ts";
export { type RecorderState, ShareRecorder, type ShareRecorderLimits } from "./share-recorder.ts";
export type { Solution, TemplateFeed, TemplateFeedListener, TemplateTransactions } from "./template-feed.ts";
export { TemplateSources } from "./template-sources.ts";
