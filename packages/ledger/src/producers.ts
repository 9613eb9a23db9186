import type { Database } from "./database.ts";

/** A run of a pool server that commits share batches. Times are the database's clock, milliseconds since the epoch. */
export interface Producer {
  readonly run: string;
  readonly started: number;
  /** Highest seq stored; null before the first batch. */
  readonly lastSeq: number | null;
  /** What the run accepted before is stored, give or take the network's delay. */
  readonly watermark: number;
  /** The run is alive until then. */
  readonly leaseUntil: number;
  /** When it stopped or was given up; null again when it commits after all. */
  readonly ended: number | null;
}

/** Every run that ever committed or renewed its lease, the oldest first. */
export async function readProducers(sql: Database): Promise<Producer[]> {
  const rows = await sql<
    {
      run: string;
      started: string;
      last_seq: string | null;
      watermark: string;
      lease_until: string;
      ended: string | null;
    }[]
  >`
    select run, last_seq,
      extract(epoch from started) * 1000 as started,
      extract(epoch from watermark) * 1000 as watermark,
      extract(epoch from lease_until) * 1000 as lease_until,
      extract(epoch from ended) * 1000 as ended
    from producer order by producer.started, run`;
  return rows.map((row) => ({
    run: row.run,
    started: Number(row.started),
    lastSeq: row.last_seq === null ? null : Number(row.last_seq),
    watermark: Number(row.watermark),
    leaseUntil: Number(row.lease_until),
    ended: row.ended === null ? null : Number(row.ended),
  }));
}
