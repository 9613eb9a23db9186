/** The double-entry ledger and who may write to it. */
export {
  blockReference,
  type Journal,
  type JournalLine,
  matureBlock,
  postJournal,
  reverseBlock,
} from "./journal.ts";
export { type Fence, JournalError, type JournalErrorType } from "./journal-error.ts";
export { GIVE_UP_MS, LEASE_SECONDS, type LeaderRole, Leadership, RENEW_MS } from "./leadership.ts";
export { type LedgerKind, ledgerAccountId, ledgerKinds, POOL_ACCOUNT } from "./ledger-accounts.ts";
