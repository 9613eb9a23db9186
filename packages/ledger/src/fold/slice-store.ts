import { targetFromNbits, workOfTarget } from "@lode/bitcoin";
import type postgres from "postgres";
import type { Database } from "../database.ts";
import { type Fence, journalError } from "../journal/journal-error.ts";
import type { ShareBatch } from "../share-record.ts";
import {
  CHECKPOINT_EVERY,
  type CreditSection,
  type CreditSource,
  CreditTotals,
  decodeCredits,
  ERA_SLICES,
  encodeCredits,
  eraStart,
  type SliceHeader,
} from "../slices/index.ts";
import { OpenSlice } from "./open-slices.ts";

/** A pool server's run as the sequencer sees it. Times are the database's, milliseconds since the epoch. */
export interface RunState {
  readonly run: string;
  /** Highest seq stored, -1 before the first. */
  readonly lastSeq: number;
  /** What the run took before is stored. */
  readonly watermark: number;
  /** False once it has ended or its lease ran out. */
  readonly isLive: boolean;
  /** Its lease ran out a minute ago or earlier, and it never said that it ended. */
  readonly isLost: boolean;
}

/** All runs at one moment. */
export interface RunsNow {
  /** The database's clock. */
  readonly now: number;
  readonly runs: readonly RunState[];
}

/** How far a run's batches are in slices. */
export interface FoldCursor {
  readonly nextSeq: number;
  /** Given up: what it brings now is late. */
  readonly closed: boolean;
}

/** Where an earlier process, or an earlier attempt, left off. */
export interface FoldState {
  readonly cursors: Map<string, FoldCursor>;
  /** Oldest first. */
  readonly open: readonly OpenSlice[];
  /** The newest sealed slice: -1 and zeros before the first. */
  readonly lastSeq: number;
  readonly lastHash: Uint8Array;
  /** Tips of the newest slices, oldest first. */
  readonly recentTips: readonly Uint8Array[];
}

/** A slice that is ready to be sealed. */
export interface SealedSlice {
  readonly header: SliceHeader;
  readonly hash: Uint8Array;
  readonly entries: number;
  readonly payload: Uint8Array;
  readonly blocks: readonly Uint8Array[];
}

/** A batch with the time it was stored at. */
export type StoredBatch = Pick<ShareBatch, "seq" | "n" | "work" | "payload" | "sha256"> & {
  readonly receivedAt: number;
};

/** After so long without a lease a run is given up. */
const LOST_AFTER_SECONDS = 60;

/** Expected hashes of a block. */
export function netWorkOf(nbits: number): bigint {
  return workOfTarget(targetFromNbits(nbits));
}

/** Slices, cursors and checkpoints in Postgres. */
export class SliceStore implements CreditSource {
  readonly #sql: Database;
  lastCheckpoint = -1;

  constructor(sql: Database) {
    this.#sql = sql;
  }

  /** Reads what is durable; everything else is forgotten and read again. */
  async load(): Promise<FoldState> {
    const sql = this.#sql;
    const cursors = await sql<{ run: string; next_seq: string; closed: boolean }[]>`
      select run, next_seq, closed from fold_cursor`;
    const open = await sql<OpenRow[]>`
      select prev_hash, height, nbits, extract(epoch from opened_at) * 1000 as opened_ms,
        extract(epoch from full_at) * 1000 as full_ms, extract(epoch from ends_at) * 1000 as ends_ms, late, payload,
        coalesce((select string_agg(hash, ''::bytea) from unnest(blocks) hash), '') as blocks
      from slice_open order by ordinal`;
    const recent = await sql<{ seq: string; prev_hash: Uint8Array; header_hash: Uint8Array }[]>`
      select seq, prev_hash, header_hash from slice order by seq desc limit 100`;
    await this.refreshCheckpoint();
    return {
      cursors: new Map(
        cursors.map(({ run, next_seq, closed }) => [run, { nextSeq: Number(next_seq), closed }]),
      ),
      open: open.map(openSlice),
      lastSeq: Number(recent[0]?.seq ?? -1),
      lastHash: recent[0]?.header_hash ?? new Uint8Array(32),
      recentTips: recent.map(({ prev_hash }) => prev_hash).reverse(),
    };
  }

  /** Every run that may have batches which are not folded, at one moment. */
  async runs(): Promise<RunsNow> {
    const rows = await this.#sql<
      { run: string | null; last_seq: string; watermark: string; live: boolean; lost: boolean; now: string }[]
    >`
      select extract(epoch from now()) * 1000 as now, p.run, coalesce(p.last_seq, -1) as last_seq,
        extract(epoch from p.watermark) * 1000 as watermark,
        p.ended is null and p.lease_until >= now() - ${LOST_AFTER_SECONDS} * interval '1 second' as live,
        p.ended is null and p.lease_until < now() - ${LOST_AFTER_SECONDS} * interval '1 second' as lost
      from (select) one left join producer p on true`;
    return {
      now: Math.floor(Number(rows[0]!.now)),
      runs: rows.flatMap(({ run, last_seq, watermark, live, lost }) =>
        run === null
          ? []
          : [
              {
                run,
                lastSeq: Number(last_seq),
                watermark: Math.floor(Number(watermark)),
                isLive: live,
                isLost: lost,
              },
            ],
      ),
    };
  }

  /** A run's batches from `from` on without a gap, at most `limit`. */
  async batches(run: string, from: number, limit: number): Promise<StoredBatch[]> {
    const rows = await this.#sql<
      { seq: string; n: number; work: string; payload: Uint8Array; sha256: Uint8Array; received_ms: string }[]
    >`
      select seq, n, work, payload, sha256, extract(epoch from received_at) * 1000 as received_ms
      from share_batch where run = ${run} and seq >= ${from} and seq < ${from + limit} order by seq`;
    const batches: StoredBatch[] = [];
    for (const { seq, n, work, payload, sha256, received_ms } of rows) {
      if (Number(seq) !== from + batches.length) break;
      batches.push({
        seq: Number(seq),
        n,
        work: BigInt(work),
        payload,
        sha256,
        receivedAt: Math.floor(Number(received_ms)),
      });
    }
    return batches;
  }

  /**
   * Seals slices, moves the cursors and keeps what is open, in one transaction.
   *
   * @throws {JournalError} `not-leader`
   */
  async seal(
    fence: Fence,
    step: {
      readonly sealed: readonly SealedSlice[];
      readonly open: readonly OpenSlice[];
      /** Cursors before and after; a run that is new has no row before. */
      readonly cursors: readonly { run: string; before: FoldCursor | null; after: FoldCursor }[];
    },
  ): Promise<void> {
    try {
      await this.#sql.begin(async (sql) => {
        await sql`select leader_fence(${fence.role}, ${fence.epoch})`;
        for (const slice of step.sealed) await insertSlice(sql, slice, fence.epoch);
        await sql`delete from slice_open`;
        for (const [ordinal, slice] of step.open.entries()) await insertOpen(sql, slice, ordinal);
        for (const { run, before, after } of step.cursors) {
          const moved =
            before === null
              ? await sql`insert into fold_cursor (run, next_seq, closed) values (${run}, ${after.nextSeq}, ${after.closed})`
              : await sql`
                  update fold_cursor set next_seq = ${after.nextSeq}, closed = ${after.closed}
                  where run = ${run} and next_seq = ${before.nextSeq}`;
          if (moved.count !== 1) throw new Error(`the cursor of run ${run} was moved by somebody else`);
        }
      });
    } catch (error) {
      throw journalError(error, fence, "slice", String(step.sealed[0]?.header.seq ?? ""));
    }
  }

  async slice(seq: number): Promise<CreditSection[]> {
    const [row] = await this.#sql<{ payload: Uint8Array }[]>`select payload from slice where seq = ${seq}`;
    if (row === undefined) throw new Error(`slice ${seq} is missing`);
    return decodeCredits(row.payload);
  }

  async checkpoint(seq: number): Promise<CreditSection[]> {
    const [row] = await this.#sql<
      { payload: Uint8Array }[]
    >`select payload from slice_checkpoint where seq = ${seq}`;
    if (row === undefined) throw new Error(`checkpoint ${seq} is missing`);
    return decodeCredits(row.payload);
  }

  async refreshCheckpoint(): Promise<void> {
    const [row] = await this.#sql<{ seq: string | null }[]>`select max(seq) as seq from slice_checkpoint`;
    this.lastCheckpoint = Number(row?.seq ?? -1);
  }

  /** Writes the next checkpoint where its slices are sealed; true when it did. Checkpoints hold nothing that slices do not. */
  async writeNextCheckpoint(lastSlice: number): Promise<boolean> {
    const before = this.lastCheckpoint;
    const seq = before + CHECKPOINT_EVERY;
    if (seq > lastSlice) return false;
    const totals = new Map<number, CreditTotals>();
    const add = (sections: readonly CreditSection[]) => {
      for (const { nbits, list } of sections) {
        const total = totals.get(nbits) ?? new CreditTotals();
        totals.set(nbits, total);
        total.add(list);
      }
    };
    if (before % ERA_SLICES !== ERA_SLICES - 1 && before >= eraStart(seq)) add(await this.checkpoint(before));
    for (let at = before + 1; at <= seq; at++) add(await this.slice(at));
    const payload = encodeCredits(
      [...totals].sort(([a], [b]) => a - b).map(([nbits, total]) => ({ nbits, list: total.list })),
    );
    await this
      .#sql`insert into slice_checkpoint (seq, payload) values (${seq}, ${payload}) on conflict do nothing`;
    this.lastCheckpoint = seq;
    return true;
  }
}

interface OpenRow {
  prev_hash: Uint8Array;
  height: number;
  nbits: string;
  opened_ms: string;
  full_ms: string;
  ends_ms: string;
  late: boolean;
  /** All hashes in one: the driver does not take arrays of bytea apart. */
  blocks: Uint8Array;
  payload: Uint8Array;
}

function openSlice(row: OpenRow): OpenSlice {
  const openedAt = Math.round(Number(row.opened_ms));
  const tip = { prevHash: row.prev_hash, height: row.height, nbits: Number(row.nbits) };
  const slice = new OpenSlice(tip, openedAt, Math.round(Number(row.full_ms)) - openedAt);
  slice.endsAt = Math.round(Number(row.ends_ms));
  slice.late = row.late;
  for (let at = 0; at < row.blocks.length; at += 32) slice.blocks.push(row.blocks.slice(at, at + 32));
  for (const { list } of decodeCredits(row.payload)) slice.credits.addList(list);
  return slice;
}

async function insertOpen(sql: postgres.ISql, slice: OpenSlice, ordinal: number): Promise<void> {
  const { tip, openedAt, fullAt, endsAt, late, blocks, credits } = slice;
  await sql`
    insert into slice_open (ordinal, prev_hash, height, nbits, opened_at, full_at, ends_at, late, blocks, payload)
    values (${ordinal}, ${tip.prevHash}, ${tip.height}, ${tip.nbits}, to_timestamp(${openedAt / 1000}),
      to_timestamp(${fullAt / 1000}), to_timestamp(${endsAt / 1000}), ${late}, ${byteaArray(blocks)}::text::bytea[],
      ${encodeCredits([{ nbits: tip.nbits, list: credits.list() }])})`;
}

async function insertSlice(sql: postgres.ISql, slice: SealedSlice, epoch: number): Promise<void> {
  const { header, hash, entries, payload, blocks } = slice;
  await sql`
    insert into slice (seq, prev_hash, height, nbits, opened_at, sealed_at, n_shares, n_entries, window_work, true_work,
      credited_work, policy_version, late, merkle_root, previous_hash, header_hash, epoch, payload)
    values (${header.seq}, ${header.prevHash}, ${header.height}, ${header.nbits}, to_timestamp(${header.openedAt / 1000}),
      to_timestamp(${header.sealedAt / 1000}), ${header.count}, ${entries}, ${String(header.windowWork)},
      ${String(header.trueWork)}, ${String(header.creditedWork)}, ${header.policyVersion}, ${header.late},
      ${header.merkleRoot}, ${header.previousHash}, ${hash}, ${epoch}, ${payload})`;
  if (blocks.length === 0) return;
  await sql`
    insert into slice_block (block_hash, slice_seq)
    select distinct unnest(${byteaArray(blocks)}::text::bytea[]), ${header.seq}::bigint on conflict do nothing`;
}

/** Text form of a bytea[]. */
function byteaArray(list: readonly Uint8Array[]): string {
  return `{${list.map((bytes) => `"\\\\x${Buffer.from(bytes).toString("hex")}"`).join(",")}}`;
}
