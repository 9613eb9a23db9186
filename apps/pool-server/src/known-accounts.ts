import { knownPayoutScripts, openDatabase } from "@lode/ledger";
import type { Logger } from "@lode/ports";
import type { Pool } from "./pool.ts";

/** Tells a pool the payout scripts that stand in its books: they are no new accounts. @throws LedgerError */
export async function knowAccounts(url: string, pool: Pool, logger: Logger): Promise<void> {
  const database = openDatabase(url, { max: 1, logger });
  try {
    for await (const scripts of knownPayoutScripts(database)) pool.knowAccounts(scripts);
  } finally {
    await database.end();
  }
}
