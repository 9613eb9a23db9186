import { expect } from "vitest";
import type { BlockScheme } from "../../src/blocks/block-store.ts";
import { BlockStore } from "../../src/blocks/block-store.ts";
import { SOLO_CLASS } from "../../src/fold/open-slices.ts";
import { netWorkOf } from "../../src/fold/slice-store.ts";
import { type CreditedSlice, type Rational, settleSlices } from "../../src/pplns/index.ts";
import { classOfKey } from "../../src/slices/credit-list.ts";
import { decodeCredits } from "../../src/slices/index.ts";
import type { FoldWorld } from "../fold/fold-world.ts";

const POOL_SCRIPT = Uint8Array.of(0x00, 0x14, 0xaa);

/** The name of block `n`, internal byte order. */
export function blockHash(n: number): Uint8Array {
  return new Uint8Array(32).fill(n);
}

/** Blocks as the pool records and follows them, and the books that follow from them. */
export class SettleWorld {
  readonly #world: FoldWorld;
  readonly #blocks: BlockStore;

  constructor(world: FoldWorld) {
    this.#world = world;
    this.#blocks = new BlockStore(world.database.sql);
  }

  /** A block of ours, on a tip that is named by one byte. */
  async found(
    n: number,
    options: { tip: number; reward: bigint; scheme?: BlockScheme; toFinder?: bigint; height?: number },
  ): Promise<void> {
    await this.#blocks.addPoolScript(POOL_SCRIPT, "reward");
    const outputs = [{ sats: options.reward, script: POOL_SCRIPT }];
    if (options.toFinder !== undefined)
      outputs.push({ sats: options.toFinder, script: Uint8Array.of(0x51, 1) });
    await this.#blocks.record({
      hash: blockHash(n),
      height: options.height ?? 100 + n,
      prevHash: new Uint8Array(32).fill(options.tip),
      header: new Uint8Array(80),
      coinbaseTx: Uint8Array.of(1),
      scheme: options.scheme ?? "pplns",
      finder: null,
      source: "test",
      foundAt: Date.now(),
      outputs,
    });
  }

  async became(
    n: number,
    state: "active" | "mature" | "orphaned" | "stale",
    confirmations = 1,
  ): Promise<void> {
    const before = await this.#blocks.find(blockHash(n));
    await this.#blocks.move(blockHash(n), before!.state, state, confirmations, "test");
  }

  /** Balances other than 0: the pool's by kind, miners' by kind and test name. */
  async balances(): Promise<Record<string, bigint>> {
    const names = await this.#world.names();
    const rows = await this.#world.database.sql<{ kind: string; account_id: string; balance: string }[]>`
      select kind, account_id, balance from ledger_balance where balance <> 0 order by id`;
    return Object.fromEntries(
      rows.map(({ kind, account_id, balance }) => [
        account_id === "0" ? kind : `${kind} ${names.get(Number(account_id))}`,
        BigInt(balance),
      ]),
    );
  }

  async expectBalanced(): Promise<void> {
    const [row] = await this.#world.database.sql`select * from trial_balance`;
    expect(row).toEqual({ debits_less_credits: "0", transfers_less_debits: "0" });
  }

  /** What the definition says a block of the given winning slice pays: miners by test name, and the fee. */
  async defined(
    n: number,
    winning: number,
    reward: bigint,
    window: Rational,
  ): Promise<Record<string, bigint>> {
    const { sql } = this.#world.database;
    const names = await this.#world.names();
    const rows = await sql<{ seq: string; payload: Uint8Array }[]>`
      select seq, payload from slice where seq < ${winning} order by seq desc`;
    const scripts = await sql<
      { id: string; payout_script: Uint8Array }[]
    >`select id, payout_script from account`;
    const scriptOf = new Map(
      scripts.map(({ id, payout_script }) => [Number(id), Buffer.from(payout_script).toString("hex")]),
    );
    const idOf = new Map([...scriptOf].map(([id, script]) => [script, id]));
    const slices = rows.map(({ seq, payload }): CreditedSlice => {
      const { nbits, list } = decodeCredits(payload)[0]!;
      const entries = [...list].filter((_, at) => classOfKey(list.keys[at]!) !== SOLO_CLASS);
      return {
        seq: Number(seq),
        netWork: netWorkOf(nbits),
        windowWork: entries.reduce((sum, { trueWork }) => sum + trueWork, 0n),
        credits: entries.map(({ account, feeClass, creditedWork }) => ({
          account: scriptOf.get(account)!,
          feeClass,
          credited: creditedWork,
        })),
      };
    });
    const settlement = settleSlices(slices, {
      reward,
      blockHash: blockHash(n).toReversed(),
      n: window,
      classes: () => ({ feePpm: 20_000n, donationPpm: 0n }),
    });
    const result: Record<string, bigint> = {};
    for (const { account, net } of settlement.credits) {
      if (net > 0n) result[`miner_immature ${names.get(idOf.get(account)!)}`] = net;
    }
    return { ...result, coinbase_immature: reward, fee_immature: settlement.fee };
  }
}
