import type postgres from "postgres";
import { type Fence, journalError } from "./journal-error.ts";

/** One line of a journal: `amount` satoshis are debited to one ledger account and credited to another. */
export interface JournalLine {
  /** See ledgerAccountId. */
  readonly debit: number;
  readonly credit: number;
  /** Above 0. */
  readonly amount: bigint;
}

/** A step of the ledger. Kind and reference are its name: the same step twice is one step. */
export interface Journal {
  readonly kind: string;
  readonly ref: string;
  /** Who took the step, for people. */
  readonly actor: string;
  readonly lines: Iterable<JournalLine>;
}

/**
 * Writes a journal, in the caller's transaction or one of its own. True when it is new, false when this very journal was
 * written before. A journal cannot be out of balance: every line is both a debit and a credit.
 *
 * @throws {JournalError}
 */
export async function postJournal(sql: postgres.ISql, fence: Fence, journal: Journal): Promise<boolean> {
  const debits: string[] = [];
  const credits: string[] = [];
  const amounts: string[] = [];
  for (const { debit, credit, amount } of journal.lines) {
    debits.push(String(debit));
    credits.push(String(credit));
    amounts.push(String(amount));
  }
  const { kind, ref, actor } = journal;
  return call(
    fence,
    kind,
    ref,
    () => sql<{ posted: boolean }[]>`
      select ledger_post(
        ${kind}, ${ref}, ${actor}, ${fence.role}, ${fence.epoch}, ${arrayOf(debits)}::text::bigint[],
        ${arrayOf(credits)}::text::bigint[], ${arrayOf(amounts)}::text::bigint[]) as posted`,
  );
}

/** Takes a block's credit back, because it left the best chain. @throws {JournalError} */
export async function reverseBlock(
  sql: postgres.ISql,
  fence: Fence,
  block: { readonly hash: Uint8Array; readonly activation: number; readonly actor: string },
): Promise<boolean> {
  const { hash, activation, actor } = block;
  return call(
    fence,
    "block_reverse",
    blockReference(hash, activation),
    () => sql<{ posted: boolean }[]>`
      select ledger_reverse_block(${hash}, ${activation}, ${actor}, ${fence.epoch}) as posted`,
  );
}

/** Releases a block's credit: it can be spent now. @throws {JournalError} */
export async function matureBlock(
  sql: postgres.ISql,
  fence: Fence,
  block: { readonly hash: Uint8Array; readonly activation: number; readonly actor: string },
): Promise<boolean> {
  const { hash, activation, actor } = block;
  return call(
    fence,
    "block_mature",
    blockReference(hash, activation),
    () => sql<{ posted: boolean }[]>`
      select ledger_mature_block(${hash}, ${activation}, ${actor}, ${fence.epoch}) as posted`,
  );
}

/** Names a block's stay on the best chain: it may leave and come back. */
export function blockReference(hash: Uint8Array, activation: number): string {
  return `${Buffer.from(hash).toString("hex")}:${activation}`;
}

async function call(
  fence: Fence,
  kind: string,
  ref: string,
  query: () => PromiseLike<readonly { posted: boolean }[]>,
): Promise<boolean> {
  try {
    const [row] = await query();
    return row!.posted;
  } catch (error) {
    throw journalError(error, fence, kind, ref);
  }
}

/** An array's text form. The driver's own arrays escape each element: a million lines take seconds. */
function arrayOf(numbers: readonly string[]): string {
  return `{${numbers.join(",")}}`;
}
