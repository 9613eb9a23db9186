/** Protocol sessions over a connection: both sides of the setup, of the mining protocol and of template distribution. */
export { ClientChannel, type ServerViolation } from "./mining-client/client-channel.ts";
export {
  type ActiveJob,
  headerOf,
  type JobWork,
  merkleRootOf,
  type ReceivedJob,
} from "./mining-client/client-job.ts";
export type { MiningClientListener } from "./mining-client/listener.ts";
export {
  type ChannelRequest,
  type ClientShare,
  MiningClient,
  type MiningClientDeps,
  type MiningClientRequest,
} from "./mining-client/mining-client.ts";
export { type MiningServerMessage, miningServerMaxLength } from "./mining-client/server-messages.ts";
export { MiningServer } from "./mining-server/mining-server.ts";
export type { MiningServerDeps, MiningServerStats } from "./mining-server/server-contract.ts";
export {
  customJobErrorCodes,
  openErrorCodes,
  unknownChannel,
  updateErrorCodes,
} from "./mining-server/session/error-codes.ts";
export { type MinerMessage, minerMaxLength, minerMessages } from "./mining-server/session/miner-messages.ts";
export {
  type Allowance,
  GROUP_CHANNEL_ID,
  type MiningServerSettings,
  miningServerDefaults,
} from "./mining-server/settings.ts";
export {
  type EndReason,
  type MiningEndReason,
  miningEnds,
  miningServerEnds,
  sessionEnds,
  templateEnds,
} from "./session/end-reasons.ts";
export {
  type Decoder,
  type MessageHandler,
  MessageReader,
  type ReaderCounters,
  readerCounters,
} from "./session/message-reader.ts";
export { printable } from "./session/printable.ts";
export {
  ClientSetup,
  type ClientSetupPolicy,
  type ClientSetupPorts,
  type ClientSetupRequest,
  type ClientSetupResult,
  type SetupAnswer,
  setupAnswerDefinitions,
} from "./setup/client-setup.ts";
export {
  ExtensionNegotiation,
  type ExtensionPolicy,
  type ExtensionsAnswer,
  noExtensions,
} from "./setup/extension-negotiation.ts";
export {
  ServerSetup,
  type ServerSetupPolicy,
  type ServerSetupPorts,
  type SetupErrorCode,
  type SetupMessage,
  type SetupPeer,
  setupDefinitions,
} from "./setup/server-setup.ts";
export * from "./sv1-server/index.ts";
export * from "./template-distribution/index.ts";
