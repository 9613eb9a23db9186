import type { Database } from "../../src/database.ts";
import { buildShareBatch } from "../../src/share-batch.ts";
import type { ShareJob, ShareRecord } from "../../src/share-record.ts";

/** A job on a tip that is named by one byte. */
export function jobOn(tip: number, options: Partial<ShareJob> = {}): ShareJob {
  return {
    kind: "pool",
    prevHash: new Uint8Array(32).fill(tip),
    height: 100 + tip,
    nbits: 0x1d00ffff,
    value: 5_000_000_000n,
    referenceValue: options.value ?? 5_000_000_000n,
    templateFees: 0n,
    ...options,
  };
}

/** A share of an account that is named by one byte. */
export function shareOf(account: number, job: ShareJob, options: Partial<ShareRecord> = {}): ShareRecord {
  const work = options.work ?? 1_000n;
  return {
    connectionId: 1,
    channelId: 1,
    sequenceNumber: 0,
    payoutScript: Uint8Array.of(0x51, account),
    worker: "",
    feeClass: 0,
    job,
    work,
    creditedWork: work,
    receivedAt: 1,
    blockHash: null,
    ...options,
  };
}

/** The name of run `n`. */
export function runName(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

/** Pool servers as their rows tell of them. Times are seconds after a start that lies two hours back. */
export class StoredRuns {
  readonly #sql: Database;
  readonly #start: number;

  constructor(sql: Database) {
    this.#sql = sql;
    this.#start = Math.floor(Date.now() / 1000) - 7_200;
  }

  /** Stores a batch as a pool server would have at that time. */
  async store(run: number, seq: number, at: number, shares: readonly ShareRecord[]): Promise<void> {
    const batch = buildShareBatch({ run: runName(run), seq }, shares, (this.#start + at) * 1_000);
    const { partHour, n, work, payload, sha256 } = batch;
    await this.#sql`select share_batch_create_partition(${partHour})`;
    await this.#sql`
      insert into share_batch (part_hour, run, seq, n, work, payload, sha256, received_at)
      values (${partHour}, ${runName(run)}, ${seq}, ${n}, ${String(work)}, ${payload}, ${sha256}, to_timestamp(${this.#start + at}))`;
    await this.#sql`
      insert into producer as p (run, last_seq, watermark, lease_until)
      values (${runName(run)}, ${seq}, to_timestamp(${this.#start + at}), now() + interval '10 seconds')
      on conflict (run) do update set last_seq = greatest(p.last_seq, excluded.last_seq),
        watermark = greatest(p.watermark, excluded.watermark), lease_until = excluded.lease_until, ended = null`;
  }

  /** A run that stores nothing says that it is there: all up to `at` is stored. */
  async idle(run: number, at: number): Promise<void> {
    await this.#sql`
      insert into producer as p (run, watermark, lease_until)
      values (${runName(run)}, to_timestamp(${this.#start + at}), now() + interval '10 seconds')
      on conflict (run) do update set watermark = excluded.watermark, lease_until = excluded.lease_until, ended = null`;
  }

  /** A run's lease ran out `seconds` ago. */
  async silent(run: number, seconds: number): Promise<void> {
    await this.#sql`
      update producer set lease_until = now() - ${seconds} * interval '1 second' where run = ${runName(run)}`;
  }

  async ended(run: number): Promise<void> {
    await this.#sql`update producer set ended = now() where run = ${runName(run)}`;
  }
}
