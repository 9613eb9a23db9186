import { createHash } from "node:crypto";
import type { Database } from "../database.ts";
import { netWorkOf } from "../fold/slice-store.ts";
import { type Rational, type SliceHead, type Window, windowOf } from "../pplns/index.ts";

/** Why a slice is the one of a block's winning share. */
export type SliceReason = "winning share" | "first slice on its tip" | "sealed after it was found";

/** The slice of the winning share. */
export interface WinningSlice {
  readonly seq: number;
  readonly reason: SliceReason;
}

/** A block that waits for its slice. */
export interface BlockPlace {
  /** Internal byte order. */
  readonly hash: Uint8Array;
  readonly prevHash: Uint8Array;
}

/** A pool that seals nothing any more waits this long for the row of a winning share. */
const PATIENCE_SECONDS = 600;

/**
 * The slice of a block's winning share: that with its row. Without such a row (a stale share, a kill before the commit, a
 * block that nobody recorded) it is the first slice on the block's tip, or else the first one sealed after the block was
 * recorded. Null while the row may still come. Times are the database's.
 */
export async function winningSlice(sql: Database, block: BlockPlace): Promise<WinningSlice | null> {
  const [row] = await sql<
    { own: string | null; is_decided: boolean; on_tip: string | null; after: string | null }[]
  >`
    select
      (select slice_seq from slice_block where block_hash = b.hash) as own,
      b.recorded_at < now() - ${PATIENCE_SECONDS} * interval '1 second'
        or exists (select from slice where opened_at > b.recorded_at) as is_decided,
      (select min(seq) from slice where prev_hash = b.prev_hash) as on_tip,
      (select min(seq) from slice where sealed_at > b.recorded_at) as after
    from block b where b.hash = ${block.hash}`;
  if (row === undefined) return null;
  if (row.own !== null) return { seq: Number(row.own), reason: "winning share" };
  if (!row.is_decided) return null;
  if (row.on_tip !== null) return { seq: Number(row.on_tip), reason: "first slice on its tip" };
  return row.after === null ? null : { seq: Number(row.after), reason: "sealed after it was found" };
}

/** The window of a block, and what it rests on. */
export interface PlacedWindow {
  readonly window: Window;
  readonly n: Rational;
  readonly policyVersion: number;
  /** Header hash of the window's newest slice, which commits to all before it. */
  readonly newestHash: Uint8Array;
}

const FIRST_READ = 2_500;

/** The window below a winning slice, by the length in force in it. The very first slice is its own window. */
export async function windowBelow(sql: Database, winning: number): Promise<PlacedWindow> {
  const [policy] = await sql<{ version: number; n_num: string; n_den: string; first: boolean }[]>`
    select version, n_num, n_den, not exists (select from slice where seq < ${winning}) as first
    from slice join policy on version = policy_version where seq = ${winning}`;
  if (policy === undefined) throw new Error(`slice ${winning} is missing`);
  const n = { num: BigInt(policy.n_num), den: BigInt(policy.n_den) };
  const newest = policy.first ? winning : winning - 1;
  for (let limit = FIRST_READ; ; limit *= 4) {
    const heads = await readHeads(sql, newest, limit);
    const window = windowOf(heads, n);
    const isWhole = window.filled.num * n.den === n.num * window.filled.den;
    if (!isWhole && heads.length === limit) continue;
    const [row] = await sql<
      { header_hash: Uint8Array }[]
    >`select header_hash from slice where seq = ${newest}`;
    return { window, n, policyVersion: policy.version, newestHash: row!.header_hash };
  }
}

async function readHeads(sql: Database, newest: number, limit: number): Promise<SliceHead[]> {
  const rows = await sql<{ seq: string; nbits: string; window_work: string }[]>`
    select seq, nbits, window_work from slice where seq <= ${newest} order by seq desc limit ${limit}`;
  const works = new Map<string, bigint>();
  return rows.map(({ seq, nbits, window_work }) => {
    const netWork = works.get(nbits) ?? netWorkOf(Number(nbits));
    works.set(nbits, netWork);
    return { seq: Number(seq), netWork, windowWork: BigInt(window_work) };
  });
}

/** SHA-256 of everything that decides a settlement: hash (internal) || reward || window's newest header hash || its bounds. */
export function inputsHash(
  block: Pick<BlockPlace, "hash">,
  reward: bigint,
  { window, n, policyVersion, newestHash }: PlacedWindow,
): Uint8Array {
  const { fullFrom, boundary } = window;
  const bounds = [fullFrom, boundary?.seq, boundary?.phi.num, boundary?.phi.den, n.num, n.den, policyVersion];
  return createHash("sha256")
    .update("lode settlement 1")
    .update(block.hash)
    .update(newestHash)
    .update([reward, ...bounds].map((value) => String(value ?? "-")).join(" "))
    .digest();
}
