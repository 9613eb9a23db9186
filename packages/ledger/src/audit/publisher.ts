import type { Database } from "../database.ts";
import { saltsOf } from "../fold/account-names.ts";
import { feeClasses } from "../fold/policy.ts";
import { sliceRows } from "../fold/sequencer.ts";
import { SliceStore } from "../fold/slice-store.ts";
import { blockCredits } from "../settle/block-credits.ts";
import { windowBelow } from "../settle/settlement-terms.ts";
import { accountOfKey } from "../slices/credit-list.ts";
import { decodeCredits } from "../slices/index.ts";
import type { AuditFiles, BlockFileAccount } from "./audit-files.ts";

/** Slices in one round. */
const AT_ONCE = 200;

/** Writes what is sealed and settled into files. Files that are missing are written again; nothing else rests on them. */
export class Publisher {
  readonly #sql: Database;
  readonly #files: AuditFiles;
  readonly #store: SliceStore;
  #nextSlice: number | null = null;

  constructor(sql: Database, files: AuditFiles) {
    this.#sql = sql;
    this.#files = files;
    this.#store = new SliceStore(sql);
  }

  /** One round. Returns how many files it wrote. */
  async step(): Promise<number> {
    return (await this.#slices()) + (await this.#blocks());
  }

  async #slices(): Promise<number> {
    this.#nextSlice ??= await this.#firstMissing();
    const first = this.#nextSlice;
    const rows = await this.#sql<SliceRowText[]>`
      select s.*, extract(epoch from opened_at) * 1000 as opened_ms, extract(epoch from sealed_at) * 1000 as sealed_ms, n_num, n_den
      from slice s join policy on version = policy_version
      where seq >= ${first} and seq < ${first + AT_ONCE} order by seq`;
    for (const row of rows) {
      const list = decodeCredits(row.payload)[0]!.list;
      const salts = await saltsOf(this.#sql, list.keys.map(accountOfKey));
      const seq = Number(row.seq);
      await this.#files.writeSlice({
        header: {
          seq,
          previousHash: row.previous_hash,
          prevHash: row.prev_hash,
          height: row.height,
          nbits: Number(row.nbits),
          openedAt: Math.round(Number(row.opened_ms)),
          sealedAt: Math.round(Number(row.sealed_ms)),
          count: Number(row.n_shares),
          windowWork: BigInt(row.window_work),
          trueWork: BigInt(row.true_work),
          creditedWork: BigInt(row.credited_work),
          merkleRoot: row.merkle_root,
          n: { num: BigInt(row.n_num), den: BigInt(row.n_den) },
          policyVersion: row.policy_version,
          late: row.late,
        },
        rows: sliceRows(list, seq, (account) => salts.get(account)!),
      });
      this.#nextSlice = seq + 1;
    }
    return rows.length;
  }

  /** Files are written in order, so the first that is missing is found by halving. */
  async #firstMissing(): Promise<number> {
    const [row] = await this.#sql<{ next: string }[]>`select coalesce(max(seq) + 1, 0) as next from slice`;
    let low = 0;
    let high = Number(row!.next);
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (await this.#files.hasSlice(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  async #blocks(): Promise<number> {
    const rows = await this.#sql<
      {
        block_hash: Uint8Array;
        height: number;
        reward: string;
        slice_seq: string;
        slice_reason: string;
        inputs_sha256: Uint8Array;
        fee: string;
        donation: string;
      }[]
    >`
      select k.block_hash, k.height, k.reward, k.slice_seq, k.slice_reason, s.inputs_sha256, s.fee, s.donation
      from booking k join settlement s using (block_hash) order by k.height desc limit ${AT_ONCE}`;
    let written = 0;
    for (const row of rows) {
      const hash = Buffer.from(row.block_hash).reverse().toString("hex");
      if (await this.#files.hasBlock(hash)) continue;
      const placed = await windowBelow(this.#sql, Number(row.slice_seq));
      const credits = await blockCredits(this.#sql, this.#store, row.block_hash, BigInt(row.reward), placed);
      const net = new Map<number, bigint>();
      for (const [at, { accounts }] of (credits?.weights ?? []).entries()) {
        for (const [index, account] of accounts.entries()) {
          net.set(account, (net.get(account) ?? 0n) + credits!.allocation.classes[at]!.net[index]!);
        }
      }
      const terms = await feeClasses(this.#sql);
      await this.#files.writeBlock({
        hash,
        height: row.height,
        reward: row.reward,
        winningSlice: Number(row.slice_seq),
        winningReason: row.slice_reason,
        n: { num: String(placed.n.num), den: String(placed.n.den) },
        newestSlice: placed.window.newest!,
        newestHash: Buffer.from(placed.newestHash).toString("hex"),
        inputsSha256: Buffer.from(row.inputs_sha256).toString("hex"),
        classes: Object.fromEntries(
          [...terms].map(([feeClass, { feePpm, donationPpm }]) => [
            feeClass,
            { feePpm: String(feePpm), donationPpm: String(donationPpm) },
          ]),
        ),
        fee: row.fee,
        donation: row.donation,
        accounts: await this.#accounts(net),
      });
      written++;
    }
    return written;
  }

  async #accounts(net: ReadonlyMap<number, bigint>): Promise<BlockFileAccount[]> {
    const rows = await this.#sql<{ id: string; payout_script: Uint8Array; salt: Uint8Array }[]>`
      select id, payout_script, salt from account where id = any(${`{${[...net.keys()].join(",")}}`}::text::bigint[]) order by id`;
    return rows.map(({ id, payout_script, salt }) => ({
      script: Buffer.from(payout_script).toString("hex"),
      salt: Buffer.from(salt).toString("hex"),
      net: String(net.get(Number(id))),
    }));
  }
}

interface SliceRowText {
  seq: string;
  previous_hash: Uint8Array;
  prev_hash: Uint8Array;
  height: number;
  nbits: string;
  opened_ms: string;
  sealed_ms: string;
  n_shares: string;
  window_work: string;
  true_work: string;
  credited_work: string;
  merkle_root: Uint8Array;
  n_num: string;
  n_den: string;
  policy_version: number;
  late: boolean;
  payload: Uint8Array;
}
