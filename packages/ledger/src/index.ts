/** The ledger: migrations, and share batches that are durable before they are acknowledged. */
export type { DatabaseOptions, SslMode } from "./connection-options.ts";
export { describeDatabase, parseDatabaseUrl } from "./connection-options.ts";
export type { Database, DatabaseSettings } from "./database.ts";
export { openDatabase } from "./database.ts";
export {
  checkDatabase,
  type DatabaseCheckOptions,
  migrateDatabase,
  type PreparedDatabase,
  prepareDatabase,
  withDatabase,
} from "./database-check.ts";
export { type DatabasePlace, explainDatabaseFailure } from "./database-failure.ts";
export type { SessionFacts } from "./durability.ts";
export type { LedgerErrorType, TransientReason } from "./ledger-error.ts";
export { LedgerError } from "./ledger-error.ts";
export type { MigrationErrorType } from "./migration-error.ts";
export { MigrationError } from "./migration-error.ts";
export type { MigrationFile } from "./migration-files.ts";
export { migrationsDirectory, readMigrations } from "./migration-files.ts";
export type { MigrationState } from "./migration-status.ts";
export { migrationStatus, newerThan, verifyMigrations } from "./migration-status.ts";
export type { MigrateOptions, MigrationProgress } from "./migrations.ts";
export { migrate } from "./migrations.ts";
export { type Namesake, sessionsNamed } from "./namesakes.ts";
export type { ShareStoreOptions } from "./postgres-share-store.ts";
export { PostgresShareStore } from "./postgres-share-store.ts";
export type { Producer } from "./producers.ts";
export { readProducers } from "./producers.ts";
export { buildShareBatch, newRun, openShareBatch } from "./share-batch.ts";
export type { ShareCodecErrorType } from "./share-codec-error.ts";
export { ShareCodecError } from "./share-codec-error.ts";
export { decodeShares } from "./share-decoding.ts";
export { encodeShares } from "./share-encoding.ts";
export { MAX_BATCH_SHARES } from "./share-layout.ts";
export type { SharePartition } from "./share-partitions.ts";
export {
  createSharePartitions,
  DEFAULT_BATCH_DAYS,
  dropSharePartition,
  holdsUnfoldedShares,
  listSharePartitions,
  PARTITION_DAYS_AHEAD,
  partitionsOlderThan,
} from "./share-partitions.ts";
export type { ShareFilter, ShareTotal, StoredShare } from "./share-queries.ts";
export {
  countShares,
  findShares,
  knownPayoutScripts,
  readShareBatches,
  shareTotals,
} from "./share-queries.ts";
export type {
  CommitContext,
  PayoutAddress,
  ShareBatch,
  ShareBatchKey,
  ShareJob,
  ShareJobKind,
  ShareRecord,
  ShareStore,
} from "./share-record.ts";
export { donationClass } from "./share-record.ts";
