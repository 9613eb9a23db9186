import type { Database } from "../database.ts";
import { feeClasses } from "../fold/policy.ts";
import { netWorkOf, type SliceStore } from "../fold/slice-store.ts";
import type { JournalLine } from "../journal/journal.ts";
import { ledgerAccountId } from "../journal/ledger-accounts.ts";
import { type Allocation, allocate, type ClassWeights } from "../pplns/index.ts";
import { type AccountWeights, readWindow, windowWeights } from "../slices/index.ts";
import type { PlacedWindow } from "./settlement-terms.ts";

/** How a block's reward is split over accounts. */
export interface BlockCredits {
  readonly weights: readonly AccountWeights[];
  readonly allocation: Allocation;
}

/** Raised inside the first attempt at a split when ties need scripts that are not at hand. */
class ScriptsWanted extends Error {}

/**
 * Splits a block's reward over its window. Null when nobody in it has credit.
 *
 * @param hash internal byte order
 */
export async function blockCredits(
  sql: Database,
  store: SliceStore,
  hash: Uint8Array,
  reward: bigint,
  { window }: PlacedWindow,
): Promise<BlockCredits | null> {
  await store.refreshCheckpoint();
  const weights = windowWeights(window, await readWindow(window, store), netWorkOf);
  if (weights.length === 0) return null;
  const terms = await feeClasses(sql);
  const scripts = new Map<number, Uint8Array>();
  const display = Uint8Array.from(hash).reverse();
  const attempt = (wanted: Set<number> | null) =>
    allocate(
      reward,
      weights.map(({ feeClass, accounts, weights: ofClass }): ClassWeights => {
        const price = terms.get(feeClass);
        if (price === undefined) throw new Error(`fee class ${feeClass} is missing`);
        const accountKey = (index: number) => {
          const script = scripts.get(accounts[index]!);
          if (script === undefined) {
            if (wanted === null) throw new ScriptsWanted("a tie needs a script");
            wanted.add(accounts[index]!);
          }
          return script ?? new Uint8Array();
        };
        return { ...price, feeClass, weights: ofClass, accountKey };
      }),
      display,
    );
  // Only accounts that tie at the cut need their scripts. Which they are does not depend on the scripts.
  const wanted = new Set<number>();
  const first = attempt(wanted);
  if (wanted.size === 0) return { weights, allocation: first };
  const rows = await sql<{ id: string; payout_script: Uint8Array }[]>`
    select id, payout_script from account where id = any(${`{${[...wanted].join(",")}}`}::text::bigint[])`;
  for (const { id, payout_script } of rows) scripts.set(Number(id), payout_script);
  return { weights, allocation: attempt(null) };
}

/** The lines of a block's credit. An account that gets nothing has none. */
export function* creditLines({ weights, allocation }: BlockCredits): Generator<JournalLine> {
  const debit = ledgerAccountId("coinbase_immature");
  const line = (credit: number, amount: bigint) => ({ debit, credit, amount });
  if (allocation.classes.length === 1) {
    const net = allocation.classes[0]!.net;
    for (const [index, account] of weights[0]!.accounts.entries()) {
      if (net[index]! > 0n) yield line(ledgerAccountId("miner_immature", account), net[index]!);
    }
  } else {
    const sums = new Map<number, bigint>();
    for (const [at, { net }] of allocation.classes.entries()) {
      for (const [index, account] of weights[at]!.accounts.entries()) {
        sums.set(account, (sums.get(account) ?? 0n) + net[index]!);
      }
    }
    for (const [account, amount] of [...sums].sort(([a], [b]) => a - b)) {
      if (amount > 0n) yield line(ledgerAccountId("miner_immature", account), amount);
    }
  }
  if (allocation.fee > 0n) yield line(ledgerAccountId("fee_immature"), allocation.fee);
  if (allocation.donation > 0n) yield line(ledgerAccountId("donation_immature"), allocation.donation);
}
