import type { Database } from "../database.ts";
import { netWorkOf, SliceStore } from "../fold/slice-store.ts";
import type { Rational } from "../pplns/index.ts";
import { blockCredits } from "../settle/block-credits.ts";
import { windowBelow } from "../settle/settlement-terms.ts";

/** What is owed to an account, satoshis. */
export interface AccountBalance {
  readonly account: number;
  /** As the pool was told, or the script in hex. */
  readonly address: string;
  /** Credited by blocks that are not deep enough yet: gone if they are orphaned. */
  readonly immature: bigint;
  readonly available: bigint;
  /** In a payout under way. */
  readonly inPayout: bigint;
  /** Too small to be paid, kept. */
  readonly carried: bigint;
  /** All that ever became available. */
  readonly earned: bigint;
}

/** One immature credit. */
export interface ImmatureCredit {
  /** As displayed. */
  readonly block: string;
  readonly height: number;
  readonly confirmations: number;
  readonly amount: bigint;
}

/** What there is to say about one account. */
export interface AccountNumbers extends AccountBalance {
  /** What the next block would bring it if it were found now and were like the last one. Nobody owes this. */
  readonly estimated: bigint;
  readonly immatureCredits: readonly ImmatureCredit[];
}

/** The window as it is now. Doubles: for people, never for money. */
export interface WindowNumbers {
  /** Length in expected blocks. */
  readonly n: number;
  /** How much of it is filled, 0 … 1. */
  readonly filled: number;
  /** How long the window lasts at the pool's speed of the last hundred slices, seconds; null before there are any. */
  readonly seconds: number | null;
  /** The chance that a share leaves the window without a block: e^-n. */
  readonly chanceNeverPaid: number;
}

/** Balances, the largest first. With an address, that account's alone. */
export async function accountBalances(
  sql: Database,
  options: { readonly address?: string; readonly limit?: number } = {},
): Promise<AccountBalance[]> {
  const { address, limit = 100 } = options;
  const rows = await sql<BalanceRow[]>`
    select * from account_balance
    ${address === undefined ? sql`` : sql`where address = ${address} or encode(payout_script, 'hex') = ${address}`}
    order by immature + available + in_payout + carried desc, account_id limit ${limit}`;
  return rows.map((row) => ({
    account: Number(row.account_id),
    address: row.address,
    immature: BigInt(row.immature),
    available: BigInt(row.available),
    inPayout: BigInt(row.in_payout),
    carried: BigInt(row.carried),
    earned: BigInt(row.earned),
  }));
}

/** All about one account, or null when nobody has mined to that address. */
export async function accountNumbers(sql: Database, address: string): Promise<AccountNumbers | null> {
  const [balance] = await accountBalances(sql, { address, limit: 1 });
  if (balance === undefined) return null;
  const rows = await sql<{ block_hash: Uint8Array; height: number; confirmations: number; amount: string }[]>`
    select k.block_hash, k.height, b.confirmations, t.amount
    from booking k join block b on b.hash = k.block_hash
    join journal j on j.kind = 'block_credit' and j.ref = bytes_hash_text(k.block_hash) || ':' || k.activation
    join transfer t on t.journal_id = j.id and t.credit_id = ${balance.account * 32 + 16}
    where k.state = 'immature' order by k.height`;
  return {
    ...balance,
    estimated: await estimated(sql, balance.account),
    immatureCredits: rows.map(({ block_hash, height, confirmations, amount }) => ({
      block: Buffer.from(block_hash).reverse().toString("hex"),
      height,
      confirmations,
      amount: BigInt(amount),
    })),
  };
}

/** The window if a block were found now; null before the first slice. */
export async function windowNumbers(sql: Database): Promise<WindowNumbers | null> {
  const newest = await newestSlice(sql);
  if (newest === null) return null;
  const { window, n } = await windowBelow(sql, newest);
  const [row] = await sql<{ work: string; seconds: string; nbits: string }[]>`
    select sum(window_work) as work, extract(epoch from max(sealed_at) - min(opened_at)) as seconds, max(nbits) as nbits
    from (select * from slice order by seq desc limit 100) recent`;
  const speed = Number(row!.work) / Number(row!.seconds);
  return {
    n: toNumber(n),
    filled: toNumber(window.filled) / toNumber(n),
    seconds: speed > 0 ? (toNumber(n) * Number(netWorkOf(Number(row!.nbits)))) / speed : null,
    chanceNeverPaid: Math.exp(-toNumber(n)),
  };
}

async function estimated(sql: Database, account: number): Promise<bigint> {
  const newest = await newestSlice(sql);
  const [last] = await sql<{ reward: string }[]>`
    select reward from booking where scheme <> 'solo' order by height desc limit 1`;
  if (newest === null || last === undefined) return 0n;
  const placed = await windowBelow(sql, newest);
  const credits = await blockCredits(
    sql,
    new SliceStore(sql),
    new Uint8Array(32),
    BigInt(last.reward),
    placed,
  );
  let sum = 0n;
  for (const [at, { accounts }] of (credits?.weights ?? []).entries()) {
    const index = accounts.indexOf(account);
    if (index !== -1) sum += credits!.allocation.classes[at]!.net[index]!;
  }
  return sum;
}

async function newestSlice(sql: Database): Promise<number | null> {
  const [row] = await sql<{ seq: string | null }[]>`select max(seq) as seq from slice`;
  return row?.seq == null ? null : Number(row.seq);
}

function toNumber({ num, den }: Rational): number {
  return Number((num * 1_000_000n) / den) / 1_000_000;
}

interface BalanceRow {
  account_id: string;
  address: string;
  immature: string;
  available: string;
  in_payout: string;
  carried: string;
  earned: string;
}
