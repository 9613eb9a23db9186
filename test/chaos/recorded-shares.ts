import { openDatabase } from "@lode/ledger";
import type { AcknowledgedShare } from "./load-miner.ts";

/** What the database says about shares that miners were promised. */
export interface RecordedShares {
  /** Shares in the database, acknowledged or not: a kill may come between the commit and the answer. */
  readonly recorded: number;
  /** Acknowledged and not in the database: money lost. */
  readonly missing: readonly AcknowledgedShare[];
  /** Rows beyond the first of one share: money paid twice. */
  readonly duplicates: number;
}

/** Looks up every acknowledged share by worker, channel and sequence number. */
export async function lookUp(
  url: string,
  acknowledged: readonly AcknowledgedShare[],
): Promise<RecordedShares> {
  const database = openDatabase(url, { max: 1 });
  try {
    const rows = await database<{ worker: string; channel_id: string; sequence_number: string; n: string }[]>`
      select worker, channel_id, sequence_number, count(*) as n from share
      group by worker, channel_id, sequence_number`;
    const counts = new Map(
      rows.map((row) => [keyOf(row.worker, row.channel_id, row.sequence_number), Number(row.n)]),
    );
    const recorded = [...counts.values()].reduce((sum, n) => sum + n, 0);
    return {
      recorded,
      missing: acknowledged.filter(
        ({ worker, channelId, sequenceNumber }) => !counts.has(keyOf(worker, channelId, sequenceNumber)),
      ),
      duplicates: recorded - counts.size,
    };
  } finally {
    await database.end();
  }
}

function keyOf(worker: string, channelId: string | number, sequenceNumber: string | number): string {
  return `${worker}/${channelId}/${sequenceNumber}`;
}
