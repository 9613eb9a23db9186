import { silentLogger } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { startTestDatabase, type TestDatabase } from "@lode/testing/database";
import { expect } from "vitest";
import type { Database } from "../../src/database.ts";
import { saltsOf } from "../../src/fold/account-names.ts";
import { putPolicy } from "../../src/fold/policy.ts";
import { Sequencer, sliceRows } from "../../src/fold/sequencer.ts";
import type { Fence } from "../../src/journal/journal-error.ts";
import { type LeaderRole, Leadership } from "../../src/journal/leadership.ts";
import { decodeCredits, merkleSumRoot, sliceHash } from "../../src/slices/index.ts";
import { StoredRuns } from "./stored-shares.ts";

/** A sealed slice as the tests look at it. */
export interface StoredSlice {
  tip: number;
  nbits: number;
  late: boolean;
  /** Work by account. */
  work: Record<string, number>;
}

const HOUR_MS = 3_600_000;

/** A database with a leading sequencer and pool servers that store what they are told. */
export class FoldWorld {
  readonly database: TestDatabase;
  readonly fence: Fence;
  readonly settlerFence: Fence;
  readonly runs: StoredRuns;

  private constructor(database: TestDatabase, fence: Fence, settlerFence: Fence) {
    this.database = database;
    this.fence = fence;
    this.settlerFence = settlerFence;
    this.runs = new StoredRuns(database.sql);
  }

  static async start(): Promise<FoldWorld> {
    const database = await startTestDatabase();
    return new FoldWorld(
      database,
      await lead(database.sql, "sequencer"),
      await lead(database.sql, "settler"),
    );
  }

  /** Empties every table. */
  async reset(): Promise<void> {
    await this.database.sql.unsafe(`
      set session_replication_role = replica;
      truncate share_batch, producer, slice, slice_block, slice_open, slice_checkpoint, fold_cursor, policy, fee_class, account,
        booking, settlement, journal, transfer, ledger_account, payout_freeze, block, block_output, pool_script cascade;
      update ledger_head set id = 0, head = sha256('lode ledger');
      set session_replication_role = origin`);
  }

  async open(sliceMs = HOUR_MS, sql: Database = this.database.sql): Promise<Sequencer> {
    const terms = { n: { num: 8n, den: 1n }, classes: new Map([[0, { feePpm: 20_000n, donationPpm: 0n }]]) };
    const policy = await putPolicy(this.database.sql, terms);
    return new Sequencer({ sql, logger: silentLogger, sliceMs: () => sliceMs }, policy);
  }

  /** Sealed slices, after their hashes, roots and sums have been computed again from what they hold. */
  async sealed(): Promise<StoredSlice[]> {
    const { sql } = this.database;
    const rows = await sql`
      select *, extract(epoch from opened_at) * 1000 as opened_ms, extract(epoch from sealed_at) * 1000 as sealed_ms
      from slice join policy on version = policy_version order by seq`;
    let previousHash: Uint8Array = new Uint8Array(32);
    const result: StoredSlice[] = [];
    for (const [seq, row] of rows.entries()) {
      const sections = decodeCredits(row["payload"]);
      expect(sections).toHaveLength(1);
      const list = sections[0]!.list;
      const salts = await saltsOf(
        sql,
        list.keys.map((key) => Math.floor(key / 256)),
      );
      const root = merkleSumRoot(sliceRows(list, seq, (account) => salts.get(account)!));
      const hash = sliceHash({
        seq: Number(row["seq"]),
        previousHash,
        prevHash: row["prev_hash"],
        height: row["height"],
        nbits: Number(row["nbits"]),
        openedAt: Math.round(Number(row["opened_ms"])),
        sealedAt: Math.round(Number(row["sealed_ms"])),
        count: Number(root.count),
        windowWork: BigInt(row["window_work"]),
        trueWork: root.trueWork,
        creditedWork: root.creditedWork,
        merkleRoot: root.hash,
        n: { num: BigInt(row["n_num"]), den: BigInt(row["n_den"]) },
        policyVersion: row["policy_version"],
        late: row["late"],
      });
      expect(Number(row["seq"])).toBe(seq);
      expect(Buffer.from(hash)).toEqual(Buffer.from(row["header_hash"]));
      previousHash = hash;
      const byAccount = await this.names();
      result.push({
        tip: row["prev_hash"][0],
        nbits: Number(row["nbits"]),
        late: row["late"],
        work: workOf(list, byAccount),
      });
    }
    return result;
  }

  /** Test names of accounts by their numbers. */
  async names(): Promise<Map<number, number>> {
    const rows = await this.database.sql<
      { id: string; payout_script: Uint8Array }[]
    >`select id, payout_script from account`;
    return new Map(rows.map(({ id, payout_script }) => [Number(id), payout_script[1]!]));
  }
}

/** Work by test name. */
export function workOf(
  list: Iterable<{ account: number; trueWork: bigint }>,
  byAccount: Map<number, number>,
): Record<string, number> {
  const work: Record<string, number> = {};
  for (const { account, trueWork } of list) {
    const name = String(byAccount.get(account));
    work[name] = (work[name] ?? 0) + Number(trueWork);
  }
  return work;
}

async function lead(sql: Database, role: LeaderRole): Promise<Fence> {
  const leadership = new Leadership({ sql, clock: new VirtualClock(), role, holder: "test" });
  await leadership.claim();
  return leadership.fence!;
}
