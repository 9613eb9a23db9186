import type { Database } from "../database.ts";

/** Scripts that are remembered; beyond that all are forgotten and asked for again. */
const REMEMBERED = 300_000;
/** Scripts in one question. */
const CHUNK = 10_000;

/** Account numbers by payout script. */
export class AccountNames {
  readonly #sql: Database;
  readonly #known = new Map<string, number>();

  constructor(sql: Database) {
    this.#sql = sql;
  }

  /** The number of a script that {@link learn} has seen. */
  get(payoutScript: Uint8Array): number {
    const account = this.#known.get(keyOf(payoutScript));
    if (account === undefined) throw new Error("an account's number was not asked for");
    return account;
  }

  /** Looks numbers up, and opens accounts for scripts that are new. Opening one by itself owes nobody anything. */
  async learn(payoutScripts: Iterable<Uint8Array>): Promise<void> {
    const missing = new Map<string, Uint8Array>();
    if (this.#known.size > REMEMBERED) this.#known.clear();
    for (const script of payoutScripts) {
      const key = keyOf(script);
      if (!this.#known.has(key)) missing.set(key, script);
    }
    const scripts = [...missing.keys()];
    for (let at = 0; at < scripts.length; at += CHUNK) await this.#learn(scripts.slice(at, at + CHUNK));
  }

  async #learn(keys: readonly string[]): Promise<void> {
    const asked = `{${keys.map((key) => `"\\\\x${Buffer.from(key, "latin1").toString("hex")}"`).join(",")}}`;
    const find = () => this.#sql<{ id: string; payout_script: Uint8Array }[]>`
      select a.id, a.payout_script from account a
      join unnest(${asked}::text::bytea[]) as wanted (script) on sha256(a.payout_script) = sha256(wanted.script)`;
    let rows = await find();
    if (rows.length < keys.length) {
      await this.#sql`
        insert into account (payout_script)
        select script from unnest(${asked}::text::bytea[]) as wanted (script)
        where not exists (select from account where sha256(payout_script) = sha256(script))
        on conflict do nothing`;
      rows = await find();
    }
    for (const { id, payout_script } of rows) this.#known.set(keyOf(payout_script), Number(id));
  }
}

/** Salts of accounts, for their pseudonyms. */
export async function saltsOf(sql: Database, accounts: Float64Array): Promise<Map<number, Uint8Array>> {
  const rows = await sql<{ id: string; salt: Uint8Array }[]>`
    select id, salt from account where id = any(${`{${[...new Set(accounts)].join(",")}}`}::text::bigint[])`;
  return new Map(rows.map(({ id, salt }) => [Number(id), salt]));
}

function keyOf(script: Uint8Array): string {
  return Buffer.from(script.buffer, script.byteOffset, script.byteLength).toString("latin1");
}
