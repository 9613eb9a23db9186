/**
 * The mining core: everything that decides what work is handed out and what a share is worth, without sockets, timers or a
 * database. Time and randomness are handed in.
 */
export {
  type Acknowledgement,
  Channel,
  ChannelError,
  type ChannelErrorType,
  type ChannelOptions,
  type ChannelSettings,
} from "./channel.ts";
export {
  EXTRANONCE_PREFIX_SIZE,
  ExtranonceAllocator,
  ExtranonceError,
  type ExtranonceErrorType,
  FULL_EXTRANONCE_SIZE,
  ROLLABLE_EXTRANONCE_SIZE,
} from "./extranonce-allocator.ts";
export {
  cleanWorker,
  type Identity,
  IdentityError,
  type IdentityErrorType,
  MAX_WORKER_LENGTH,
  parseIdentity,
} from "./identity.ts";
export { type Instant, instantOf } from "./instant.ts";
export type { MiningJob, Template, Tip } from "./job.ts";
export { JobFactory, MAX_TAG_LENGTH } from "./job-factory.ts";
export {
  type AcceptedShare,
  type FoundBlock,
  type ShareErrorCode,
  type ShareSink,
  type ShareSubmission,
  type ShareVerdict,
  shareErrors,
} from "./share.ts";
