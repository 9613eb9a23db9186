/** Files by which anybody who has them can compute a block's settlement again. */

export { AuditFiles, type BlockFile, type BlockFileAccount, type SliceFile } from "./audit-files.ts";
export { auditLedger } from "./audit-ledger.ts";
export { Publisher } from "./publisher.ts";
export { type Replay, replayBlock } from "./replay.ts";
