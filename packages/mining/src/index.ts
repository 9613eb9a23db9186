/**
 * The mining core: everything that decides what work is handed out and what a share is worth, without sockets, timers or a
 * database. Time and randomness are handed in.
 */
export type { Acknowledgement } from "./acknowledgement.ts";
export { Channel, type ChannelOptions } from "./channel.ts";
export type { ChannelAccountView } from "./channel-account.ts";
export { type ChannelSettings, defaultChannelSettings } from "./channel-settings.ts";
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
  splitIdentity,
} from "./identity.ts";
export {
  AccountsError,
  type AccountsErrorType,
  type AccountsMode,
  type IdentifierOptions,
  identifier,
  MAX_ACCOUNT_NAME,
  type NamedAccount,
} from "./identity-accounts.ts";
export { type Instant, instantOf } from "./instant.ts";
export type { MiningJob, Template } from "./job.ts";
export {
  JobFactory,
  JobFactoryError,
  type JobFactoryErrorType,
  type JobFactoryOptions,
  MAX_TAG_LENGTH,
} from "./job-factory.ts";
export { creditedWork, type JobFacts, type JobKind } from "./job-facts.ts";
export { JobError, type JobErrorType, type JobLimits, type JobState } from "./job-table.ts";
export { NtimeFloor } from "./ntime-floor.ts";
export { type JobVariant, type Payee, poolPayee } from "./payee.ts";
export { PayeeBook, type PayeeBookOptions, type SoloFee } from "./payee-book.ts";
export { type PayoutModeOptions, payoutModes } from "./payout-mode.ts";
export {
  type AcceptedShare,
  type FoundBlock,
  type ShareErrorCode,
  type ShareSink,
  type ShareSubmission,
  type ShareVerdict,
  shareErrors,
} from "./share.ts";
export { MAX_FUTURE_NTIME, VERSION_ROLLING_MASK } from "./share-rules.ts";
export { ShareSet } from "./share-set.ts";
export { ChannelError, type ChannelErrorType } from "./target-policy.ts";
export { samePrevHash, sameTip, type Tip } from "./tip.ts";
export { Vardiff } from "./vardiff.ts";
