import { readFileSync } from "node:fs";
import { VirtualClock } from "@lode/testing/clock";
import { startTestDatabase, type TestDatabase } from "@lode/testing/database";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { blockReference, type JournalLine, matureBlock, postJournal, reverseBlock } from "./journal.ts";
import type { Fence } from "./journal-error.ts";
import { Leadership } from "./leadership.ts";
import { type LedgerKind, ledgerAccountId, ledgerKinds } from "./ledger-accounts.ts";

const vectors = JSON.parse(readFileSync(new URL("../../vectors/pplns.json", import.meta.url), "utf8"));
const hash = Buffer.from(vectors.blockHash, "hex");
let database: TestDatabase;
let fence: Fence;

beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(() => database.close());

beforeEach(async () => {
  const { sql } = database;
  await sql.unsafe(`
    alter table transfer disable trigger all; alter table journal disable trigger all;
    delete from transfer; delete from journal; delete from ledger_account; update ledger_head set id = 0;
    alter table transfer enable trigger all; alter table journal enable trigger all;
    update leader set until = '-infinity'`);
  const leadership = leader("test");
  await leadership.claim();
  fence = leadership.fence!;
});

function leader(holder: string, clock = new VirtualClock()): Leadership {
  return new Leadership({ sql: database.sql, clock, role: "settler", holder });
}

async function balances(): Promise<Record<string, string>> {
  const rows = await database.sql<{ kind: string; account_id: string; balance: string }[]>`
    select kind, account_id, balance from ledger_balance where balance <> 0 order by id`;
  return Object.fromEntries(
    rows.map(({ kind, account_id, balance }) => [
      account_id === "0" ? kind : `${kind} ${account_id}`,
      balance,
    ]),
  );
}

async function isBalanced(): Promise<boolean> {
  const [row] = await database.sql<{ debits_less_credits: string; transfers_less_debits: string }[]>`
    select * from trial_balance`;
  return row!.debits_less_credits === "0" && row!.transfers_less_debits === "0";
}

function move(debit: LedgerKind, credit: LedgerKind, amount: bigint, account = 0): JournalLine {
  return { debit: ledgerAccountId(debit), credit: ledgerAccountId(credit, account), amount };
}

function post(
  ref: string,
  lines: readonly JournalLine[],
  by = fence,
  kind = "block_credit",
): Promise<boolean> {
  return postJournal(database.sql, by, { kind, ref, actor: "test", lines });
}

/** Asks again until there is an answer. */
async function until(query: () => PromiseLike<readonly unknown[]>): Promise<void> {
  while ((await query()).length === 0);
}

describe("the chart of accounts", () => {
  it("is the table's", async () => {
    const rows = await database.sql<{ kind: number; name: string }[]>`select kind, name from ledger_kind`;
    expect(Object.fromEntries(rows.map(({ kind, name }) => [name, kind]))).toEqual(ledgerKinds);
  });
});

describe("the life of a block's credit (V8)", () => {
  const { immature, mature, settlement } = vectors.lifecycle;
  const { credits, fee } = vectors.settlements.find(({ name }: { name: string }) => name === settlement);
  const accounts = { alice: 1, bob: 2, carol: 3 };
  const lines = () => [
    ...Object.entries(accounts).map(([name, account]) =>
      move("coinbase_immature", "miner_immature", BigInt(credits[name]), account),
    ),
    move("coinbase_immature", "fee_immature", BigInt(fee)),
  ];
  const credit = (activation: number) => post(blockReference(hash, activation), lines());
  const step = (activation: number) => ({ hash, activation, actor: "test" });

  it("is immature at one confirmation, gone with an orphan, back with a return, and spendable at maturity", async () => {
    const { sql } = database;
    expect(await credit(1)).toBe(true);
    expect(await credit(1)).toBe(false); // the same event again
    const now = await balances();
    expect(now["coinbase_immature"]).toBe(immature.coinbase_immature);
    expect(now["fee_immature"]).toBe(immature.fee_immature);
    const owed = Object.values(accounts).reduce((sum, id) => sum + BigInt(now[`miner_immature ${id}`]!), 0n);
    expect(String(owed)).toBe(immature.miner_immature);

    expect(await reverseBlock(sql, fence, step(1))).toBe(true);
    expect(await reverseBlock(sql, fence, step(1))).toBe(false);
    expect(await balances()).toEqual({});

    await credit(2);
    expect(await balances()).toEqual(now);

    // A competing block of ours at the same height has its own journal and is reversed alone.
    const other = { ...step(1), hash: new Uint8Array(32).fill(9) };
    await post(blockReference(other.hash, 1), lines());
    await reverseBlock(sql, fence, other);
    expect(await balances()).toEqual(now);

    expect(await matureBlock(sql, fence, step(2))).toBe(true);
    expect(await matureBlock(sql, fence, step(2))).toBe(false);
    expect(await balances()).toEqual({
      wallet: mature.wallet,
      fee: mature.fee,
      "miner_available 1": mature.alice,
      "miner_available 2": mature.bob,
      "miner_available 3": mature.carol,
    });
    expect(await isBalanced()).toBe(true);
    // What has been released cannot be taken back silently.
    await expect(reverseBlock(sql, fence, step(2))).rejects.toMatchObject({ code: "overdrawn" });
  });

  it("releases and reverses nothing that was never credited", async () => {
    await expect(matureBlock(database.sql, fence, step(7))).rejects.toMatchObject({ code: "never-credited" });
    await expect(reverseBlock(database.sql, fence, step(7))).rejects.toMatchObject({
      code: "never-credited",
    });
  });
});

describe("a journal", () => {
  it("is refused under a reference that holds another one", async () => {
    await post("a", [move("wallet", "capital", 5n)]);
    await expect(post("a", [move("wallet", "capital", 6n)])).rejects.toMatchObject({
      code: "reference-taken",
    });
    expect(await post("a", [move("wallet", "capital", 6n)], fence, "deposit")).toBe(true);
  });

  it("never takes more than there is, and leaves nothing behind when it tries", async () => {
    await post("a", [move("wallet", "capital", 5n)]);
    await expect(
      post("b", [move("capital", "wallet", 3n), move("capital", "wallet", 3n)]),
    ).rejects.toMatchObject({
      code: "overdrawn",
    });
    expect(await balances()).toEqual({ wallet: "5", capital: "5" });
    expect(await isBalanced()).toBe(true);
  });

  it("must have lines that move something", async () => {
    await expect(post("a", [])).rejects.toThrow();
    await expect(post("a", [move("wallet", "capital", 0n)])).rejects.toThrow();
    await expect(post("a", [move("wallet", "wallet", 1n)])).rejects.toThrow();
  });

  it("is written once when many write it at the same time, and all form one chain", async () => {
    const posted = await Promise.all(
      Array.from({ length: 12 }, (_, at) => post(`n${at % 4}`, [move("wallet", "capital", 7n)])),
    );
    expect(posted.filter((isNew) => isNew)).toHaveLength(4);
    const { sql } = database;
    const [row] = await sql<{ broken: string; n: string }[]>`
      select count(*) as n, count(*) filter (where head is distinct from
        sha256(before || int8send(id) || convert_to(kind || chr(10) || ref, 'UTF8') || digest)) as broken
      from (select *, lag(head) over (order by id) as before from journal) chained where before is not null`;
    expect(row).toEqual({ broken: "0", n: "3" });
  });

  it("stays as it is", async () => {
    await post("a", [move("wallet", "capital", 5n)]);
    for (const change of [
      "update transfer set amount = 6",
      "delete from journal",
      "truncate transfer",
      "update journal set ref = 'b'",
    ]) {
      await expect(database.sql.unsafe(change)).rejects.toMatchObject({ code: "LB002" });
    }
  });

  it("is all that the role for money can write with", async () => {
    const { sql } = database;
    await sql.begin(async (money) => {
      await money`set local role lode_money`;
      expect(
        await postJournal(money, fence, {
          kind: "k",
          ref: "m",
          actor: "x",
          lines: [move("wallet", "capital", 1n)],
        }),
      ).toBe(true);
      for (const [at, attempt] of [
        "insert into transfer values (1, 9, 1, 25, 5)",
        "update ledger_account set credits = 0",
        "delete from journal",
        "update slice set late = true",
      ].entries()) {
        await money
          .savepoint(async (tried) => {
            await expect(tried.unsafe(attempt), String(at)).rejects.toMatchObject({ code: "42501" });
            throw new Error("undo");
          })
          .catch(() => {});
      }
    });
  });
});

describe("leadership", () => {
  it("is one process's, renewed by it, and taken over with a new epoch when it ended", async () => {
    const { sql } = database;
    const [first, second] = [leader("first"), leader("second")];
    await sql`update leader set until = '-infinity'`;
    expect(await first.claim()).toBe(true);
    expect(await second.claim()).toBe(false);
    expect(second.fence).toBeNull();
    expect(await first.claim()).toBe(true);
    const before = first.fence!;
    await sql`update leader set until = now() - interval '1 second' where role = 'settler'`;
    expect(await second.claim()).toBe(true);
    expect(second.fence!.epoch).toBe(before.epoch + 1);
    await expect(post("x", [move("wallet", "capital", 1n)], before)).rejects.toMatchObject({
      code: "not-leader",
    });
    expect(await first.claim()).toBe(false);
    await second.resign();
    expect(await first.claim()).toBe(true);
  });

  it("is not acted on by one who could not renew for eight seconds", async () => {
    await database.sql`update leader set until = '-infinity'`;
    const clock = new VirtualClock();
    const first = leader("first", clock);
    await first.claim();
    expect(first.fence).not.toBeNull();
    clock.advance(8_001);
    expect(first.fence).toBeNull();
  });

  it("changes hands only after the transactions of the one before are done", async () => {
    const { sql } = database;
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let tell = () => {};
    const posted = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const writing = sql.begin(async (transaction) => {
      await postJournal(transaction, fence, {
        kind: "k",
        ref: "slow",
        actor: "x",
        lines: [move("wallet", "capital", 1n)],
      });
      tell();
      await held;
    });
    await posted;
    // Renewing does not wait for it.
    await sql`update leader set until = now() - interval '1 second' where role = 'settler'`;
    const successor = leader("second");
    let taken = false;
    const takeover = successor.claim().then((won) => {
      taken = won;
    });
    await until(() => sql`select from pg_locks where not granted`);
    expect(taken).toBe(false);
    release();
    await Promise.all([writing, takeover]);
    expect(taken).toBe(true);
  });
});
