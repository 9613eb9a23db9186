/** Protocol sessions over a connection: both sides of the setup, of the mining protocol and of template distribution. */
export {
  ClientSetup,
  type ClientSetupPolicy,
  type ClientSetupPorts,
  type ClientSetupRequest,
  type ClientSetupResult,
  type SetupAnswer,
  setupAnswerDefinitions,
} from "./setup/client-setup.ts";
export { type CloseReason, closeReasons } from "./setup/close-reasons.ts";
export {
  ExtensionNegotiation,
  type ExtensionPolicy,
  type ExtensionsAnswer,
  noExtensions,
} from "./setup/extension-negotiation.ts";
export {
  type Decoder,
  FrameReader,
  type MessageHandler,
  type ReaderCounters,
  readerCounters,
} from "./setup/frame-reader.ts";
export { printable } from "./setup/printable.ts";
export {
  ServerSetup,
  type ServerSetupPolicy,
  type ServerSetupPorts,
  type SetupErrorCode,
  type SetupMessage,
  type SetupPeer,
  setupDefinitions,
} from "./setup/server-setup.ts";
