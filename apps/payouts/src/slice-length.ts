import type { Database } from "@lode/ledger";
import { netWorkOf } from "@lode/ledger/fold";

/** Slices in a window that lasts as long as expected. */
const SLICES_PER_WINDOW = 2_000;
const SHORTEST_MS = 10_000;
const LONGEST_MS = 600_000;
/** Before anything is known of the pool's speed. */
const FIRST_MS = 60_000;

/** How long a slice lasts: a fixed part of the time that the window's work takes, by the pool's speed lately. */
export async function sliceLengthMs(sql: Database, windowBlocks: number): Promise<number> {
  const [row] = await sql<{ work: string | null; seconds: string | null; nbits: string | null }[]>`
    select sum(window_work) as work, extract(epoch from max(sealed_at) - min(opened_at)) as seconds, max(nbits) as nbits
    from (select * from slice order by seq desc limit 100) recent`;
  const work = Number(row?.work ?? 0);
  const seconds = Number(row?.seconds ?? 0);
  if (row?.nbits === null || row === undefined || work <= 0 || seconds <= 0) return FIRST_MS;
  // A time for people and storage, not for money: doubles will do.
  const windowSeconds = (windowBlocks * Number(netWorkOf(Number(row.nbits))) * seconds) / work;
  return Math.round(Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (windowSeconds * 1_000) / SLICES_PER_WINDOW)));
}
