import type { Database } from "./database.ts";
import type { ShareBatch, ShareJob, ShareJobKind, ShareRecord } from "./share-record.ts";

/** A share with its place, as tools show it. */
export interface StoredShare extends ShareRecord {
  readonly run: string;
  readonly seq: number;
  readonly rowNumber: number;
  /** Start of the hour in which its batch was built, milliseconds since the epoch. */
  readonly receivedHour: number;
  /** The script's address; null when no pool server has told it. */
  readonly address: string | null;
  /** When the database stored the batch, milliseconds since the epoch. */
  readonly committedAt: number;
}

/** Which shares {@link findShares} returns; every given field must match. */
export interface ShareFilter {
  readonly run?: string;
  readonly seq?: number;
  readonly connectionId?: number;
  readonly channelId?: number;
  readonly sequenceNumber?: number;
  readonly payoutScript?: Uint8Array;
  readonly worker?: string;
  /** Most rows, newest batches first. Default 100. */
  readonly limit?: number;
}

/** What one payout script has earned. */
export interface ShareTotal {
  readonly payoutScript: Uint8Array;
  readonly n: number;
  /** Expected hashes. */
  readonly work: bigint;
}

/** Counts stored shares, of one run or of all. */
export async function countShares(sql: Database, run?: string): Promise<number> {
  const [row] = await sql<{ n: string }[]>`
    select coalesce(sum(n), 0) as n from share_batch ${run === undefined ? sql`` : sql`where run = ${run}`}`;
  return Number(row?.n ?? 0);
}

/** Scripts that shares in the books name, a few thousand at a time. */
export async function* knownPayoutScripts(sql: Database): AsyncIterable<Uint8Array[]> {
  for await (const rows of sql<{ payout_script: Buffer }[]>`select payout_script from payout_address`.cursor(
    5_000,
  )) {
    yield rows.map(({ payout_script }) => payout_script);
  }
}

/** Looks shares up through the view `share`. For people and tests: it expands every batch that may match. */
export async function findShares(sql: Database, filter: ShareFilter = {}): Promise<StoredShare[]> {
  const { run, seq, connectionId, channelId, sequenceNumber, payoutScript, worker, limit = 100 } = filter;
  const conditions = [
    sql`true`,
    ...(run === undefined ? [] : [sql`run = ${run}`]),
    ...(seq === undefined ? [] : [sql`seq = ${seq}`]),
    ...(connectionId === undefined ? [] : [sql`connection_id = ${connectionId}`]),
    ...(channelId === undefined ? [] : [sql`channel_id = ${channelId}`]),
    ...(sequenceNumber === undefined ? [] : [sql`sequence_number = ${sequenceNumber}`]),
    ...(payoutScript === undefined ? [] : [sql`payout_script = ${payoutScript}`]),
    ...(worker === undefined ? [] : [sql`worker = ${worker}`]),
  ];
  const where = conditions.flatMap((condition, i) => (i === 0 ? [condition] : [sql`and`, condition]));
  const rows = await sql<ShareRow[]>`
    select *, extract(epoch from received_hour) * 1000 as hour_ms, extract(epoch from received_at) * 1000 as received_ms,
      extract(epoch from committed_at) * 1000 as committed_ms
    from share where ${where} order by part_hour desc, run, seq desc, row_number desc limit ${limit}`;
  return rows.map(storedShare);
}

function storedShare(row: ShareRow): StoredShare {
  return {
    run: row.run,
    seq: Number(row.seq),
    rowNumber: row.row_number,
    connectionId: Number(row.connection_id),
    channelId: Number(row.channel_id),
    sequenceNumber: Number(row.sequence_number),
    payoutScript: row.payout_script,
    worker: row.worker,
    feeClass: row.fee_class,
    job: row.job_kind === null ? null : storedJob(row, row.job_kind),
    work: BigInt(row.work),
    creditedWork: BigInt(row.credited_work),
    receivedAt: row.received_ms === null ? null : Math.round(Number(row.received_ms)),
    blockHash: row.block_hash === null ? null : hashOfText(row.block_hash),
    receivedHour: Number(row.hour_ms),
    address: row.address,
    committedAt: Number(row.committed_ms),
  };
}

function storedJob(row: ShareRow, kind: ShareJobKind): ShareJob {
  return {
    kind,
    prevHash: hashOfText(row.prev_hash),
    height: Number(row.height),
    nbits: Number(row.nbits),
    value: BigInt(row.value),
    referenceValue: BigInt(row.reference_value),
    templateFees: BigInt(row.template_fees),
  };
}

/** A hash as people read it, back in header order. */
function hashOfText(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "hex").reverse());
}

/** Shares and work of each payout script, most work first; of one run or of all. */
export async function shareTotals(sql: Database, run?: string): Promise<ShareTotal[]> {
  const rows = await sql<{ payout_script: Uint8Array; n: string; work: string }[]>`
    select payout_script, count(*) as n, sum(work) as work from share
    ${run === undefined ? sql`` : sql`where run = ${run}`}
    group by payout_script order by sum(work) desc, payout_script`;
  return rows.map((row) => ({ payoutScript: row.payout_script, n: Number(row.n), work: BigInt(row.work) }));
}

/** The stored batches of a run, in their order, unopened (see openShareBatch). */
export async function readShareBatches(sql: Database, run: string): Promise<ShareBatch[]> {
  const rows = await sql<
    {
      part_hour: number;
      run: string;
      seq: string;
      n: number;
      work: string;
      payload: Uint8Array;
      sha256: Uint8Array;
    }[]
  >`select part_hour, run, seq, n, work, payload, sha256 from share_batch where run = ${run} order by seq`;
  return rows.map((row) => ({
    run: row.run,
    seq: Number(row.seq),
    partHour: row.part_hour,
    n: row.n,
    work: BigInt(row.work),
    payload: row.payload,
    sha256: row.sha256,
  }));
}

interface ShareRow {
  run: string;
  seq: string;
  row_number: number;
  connection_id: string;
  channel_id: string;
  sequence_number: string;
  payout_script: Uint8Array;
  worker: string;
  fee_class: number;
  work: string;
  credited_work: string;
  /** Null in layout 1, and with it the job's other columns. */
  job_kind: ShareJobKind | null;
  prev_hash: string;
  height: string;
  nbits: string;
  value: string;
  reference_value: string;
  template_fees: string;
  block_hash: string | null;
  hour_ms: string;
  received_ms: string | null;
  committed_ms: string;
  address: string | null;
}
