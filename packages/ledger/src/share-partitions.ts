import type { Database } from "./database.ts";
import { LedgerError } from "./ledger-error.ts";
import { queryError } from "./query-error.ts";
import { sqlstateOf } from "./server-failure.ts";

/** A partition of share batches. */
export interface SharePartition {
  readonly name: string;
  /** First hour it holds, hours since the epoch. */
  readonly fromHour: number;
  /** The hour behind its last. */
  readonly toHour: number;
  /** Size on disk with indexes. */
  readonly bytes: number;
}

/** Days for which partitions exist beforehand. */
export const PARTITION_DAYS_AHEAD = 3;
/** Days for which batches are kept by default. */
export const DEFAULT_BATCH_DAYS = 7;

/** Raised by share_batch_drop_partition (migrations). */
const NOT_FOLDED_SQLSTATE = "LB004";
const UNDEFINED_TABLE_SQLSTATE = "42P01";

/** Every partition, the oldest first. @throws {LedgerError} as every query */
export async function listSharePartitions(sql: Database): Promise<SharePartition[]> {
  const rows = await sql<{ name: string; from_hour: number; to_hour: number; bytes: string }[]>`
    select name, from_hour, to_hour, bytes from share_batch_partitions()`.catch(rethrow);
  return rows.map((row) => ({
    name: row.name,
    fromHour: row.from_hour,
    toHour: row.to_hour,
    bytes: Number(row.bytes),
  }));
}

/**
 * The partitions that are wholly older than `days` whole UTC days before the day of `now`.
 *
 * @param now milliseconds since the epoch
 */
export function partitionsOlderThan(
  partitions: readonly SharePartition[],
  days: number,
  now: number,
): SharePartition[] {
  const firstKeptHour = (Math.floor(now / 86_400_000) - days) * 24;
  return partitions.filter(({ toHour }) => toHour <= firstKeptHour);
}

/**
 * Creates the partitions that are missing from the day of `now` on. Returns how many it made.
 *
 * @throws {LedgerError} as every query
 */
export async function createSharePartitions(sql: Database, now: number, daysAhead: number): Promise<number> {
  const hour = Math.floor(now / 3_600_000);
  const [row] = await sql<{ created: number }[]>`
    select share_batch_create_partitions(${hour}, ${daysAhead}) as created`.catch(rethrow);
  return row?.created ?? 0;
}

/**
 * Drops a partition. It waits a quarter of a second at most for commits under way, so that it holds none up for longer.
 *
 * @param evenUnfolded drop it although its shares are in no books: they are gone then
 * @throws {LedgerError} `not-folded`, `no-such-partition`, `unavailable` with `contention`: try again
 */
export async function dropSharePartition(
  sql: Database,
  partition: string,
  evenUnfolded: boolean,
): Promise<void> {
  try {
    await sql`select share_batch_drop_partition(${partition}, ${evenUnfolded})`;
  } catch (error) {
    switch (sqlstateOf(error)) {
      case NOT_FOLDED_SQLSTATE:
        throw new LedgerError(
          { code: "not-folded", partition },
          `${partition} holds shares that are in no books yet`,
          { cause: error },
        );
      case UNDEFINED_TABLE_SQLSTATE:
        throw new LedgerError(
          { code: "no-such-partition", partition },
          `share_batch has no partition ${partition}`,
        );
      default:
        throw queryError(error);
    }
  }
}

/** Whether shares in a partition are in no books yet, so that it is not dropped. @throws {LedgerError} as every query */
export async function holdsUnfoldedShares(sql: Database, partition: string): Promise<boolean> {
  const [row] = await sql<{ unfolded: boolean }[]>`
    select exists (
      select from ${sql(partition)} b where not share_batch_is_folded(b.run, b.seq)
    ) as unfolded`.catch(rethrow);
  return row?.unfolded ?? false;
}

function rethrow(error: unknown): never {
  throw queryError(error);
}
