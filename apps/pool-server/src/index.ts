export {
  type BlockCandidate,
  type CandidateState,
  type CandidateStore,
  candidateDirectory,
} from "./blocks/block-candidates.ts";
export { type BlockNode, blockNode } from "./blocks/block-node.ts";
export { BlockSubmitter } from "./blocks/block-submitter.ts";
export { authorityPublicKeys, checkPoolServer } from "./config/check-pool-server.ts";

export { listenerLimits, miningLimits, subnetOf } from "./config/limits-from-config.ts";
export { nodeRpc } from "./config/parts-from-config.ts";
export { poolConnections } from "./config/pool-connections.ts";
export { type PoolServerConfig, poolServerSchema } from "./config/pool-server-config.ts";
export { parseRewardScript, RewardScriptError } from "./config/reward-script.ts";
export { type NotReady, Pool, type PoolDeps, type PoolSettings, type PoolStatus } from "./pool.ts";
export { type PoolServer, type PoolServerDeps, startPoolServer } from "./pool-server.ts";
export { type RecorderState, ShareRecorder, type ShareRecorderLimits } from "./shares/share-recorder.ts";
export type {
  Solution,
  TemplateFeed,
  TemplateFeedListener,
  TemplateTransactions,
} from "./templates/template-feed.ts";
export { TemplateSources } from "./templates/template-sources.ts";
