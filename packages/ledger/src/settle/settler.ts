import type { Logger } from "@lode/ports";
import type { Database } from "../database.ts";
import { SliceStore } from "../fold/slice-store.ts";
import {
  blockReference,
  type JournalLine,
  matureBlock,
  postJournal,
  reverseBlock,
} from "../journal/journal.ts";
import { type Fence, journalError } from "../journal/journal-error.ts";
import { ledgerAccountId } from "../journal/ledger-accounts.ts";
import { blockCredits, creditLines } from "./block-credits.ts";
import {
  inputsHash,
  type PlacedWindow,
  type WinningSlice,
  windowBelow,
  winningSlice,
} from "./settlement-terms.ts";

/** What became of a block in the books in one step. */
export interface Booked {
  /** As displayed. */
  readonly hash: string;
  readonly height: number;
  readonly became: "immature" | "reversed" | "mature" | "lost";
}

/** What a {@link Settler} needs. */
export interface SettlerDeps {
  readonly sql: Database;
  readonly logger: Logger;
  /** Named in journals. */
  readonly actor: string;
}

type BookingState = "waiting" | "immature" | "reversed" | "mature" | "lost";

interface Due {
  readonly hash: Uint8Array;
  readonly prevHash: Uint8Array;
  readonly height: number;
  readonly scheme: "pplns" | "solo" | "custom";
  readonly reward: bigint;
  readonly isActive: boolean;
  readonly isMature: boolean;
  readonly state: BookingState | null;
  readonly activation: number;
}

/** Blocks in one step; the rest follows in the next. */
const AT_ONCE = 100;

/**
 * Books the pool's blocks: credit when a block is on the best chain, taken back when it leaves it, spendable when it is
 * mature. What the network thinks of a block is the table block's; each step moves money and the booking's state in one
 * transaction, under a reference that the ledger takes once. A block that leaves the chain after maturity takes nothing
 * from anybody: it is `lost`, payouts freeze, and a human decides.
 */
export class Settler {
  readonly #deps: SettlerDeps;
  readonly #slices: SliceStore;

  constructor(deps: SettlerDeps) {
    this.#deps = deps;
    this.#slices = new SliceStore(deps.sql);
  }

  /** One round over all blocks that need a step. @throws {JournalError} `not-leader`, and failures of the database */
  async step(fence: Fence): Promise<Booked[]> {
    const booked: Booked[] = [];
    for (const due of await this.#due()) {
      const became = await this.#book(due, fence);
      if (became === null) continue;
      const hash = Buffer.from(due.hash).reverse().toString("hex");
      booked.push({ hash, height: due.height, became });
      this.#deps.logger.info({ hash, height: due.height, became }, "block booked");
    }
    if (booked.length > 0) await this.#checkBalance();
    return booked;
  }

  async #due(): Promise<Due[]> {
    const rows = await this.#deps.sql<
      {
        hash: Uint8Array;
        prev_hash: Uint8Array;
        height: number;
        scheme: Due["scheme"];
        reward: string;
        active: boolean;
        mature: boolean;
        booked: BookingState | null;
        booked_activation: number | null;
      }[]
    >`
      select * from (
        select b.hash, b.prev_hash, b.height, b.scheme, b.state in ('active', 'mature') as active, b.state = 'mature' as mature,
          k.state as booked, k.activation as booked_activation,
          coalesce(k.reward, (
            select sum(o.sats) from block_output o join pool_script p on p.script = o.script where o.hash = b.hash
          ), 0)::bigint as reward
        from block b left join booking k on k.block_hash = b.hash
      ) blocks
      where reward > 0 and case
        when active and not mature then booked is null or booked in ('waiting', 'reversed')
        when mature then booked is null or booked in ('waiting', 'reversed', 'immature')
        else booked in ('immature', 'mature')
      end
      order by height limit ${AT_ONCE}`;
    return rows.map((row) => ({
      hash: row.hash,
      prevHash: row.prev_hash,
      height: row.height,
      scheme: row.scheme,
      reward: BigInt(row.reward),
      isActive: row.active,
      isMature: row.mature,
      state: row.booked,
      activation: row.booked_activation ?? 0,
    }));
  }

  async #book(due: Due, fence: Fence): Promise<Booked["became"] | null> {
    if (due.isActive && due.state !== "immature") return this.#credit(due, fence);
    if (due.isActive) return this.#move(due, fence, "mature");
    return this.#move(due, fence, due.state === "mature" ? "lost" : "reversed");
  }

  async #credit(due: Due, fence: Fence): Promise<"immature" | null> {
    const { sql } = this.#deps;
    await sql`
      insert into booking (block_hash, prev_hash, height, found_at, scheme, reward)
      select hash, prev_hash, height, found_at, scheme, ${String(due.reward)}::bigint from block where hash = ${due.hash}
      on conflict do nothing`;
    if (due.scheme === "solo") {
      // What reaches the pool's scripts in a solo block is the pool's fee: no miner has a part in it.
      return this.#post(due, fence, null, [feeLine(due.reward)]);
    }
    const winning = await this.#winning(due);
    if (winning === null) return null;
    const placed = await windowBelow(sql, winning.seq);
    const credits = await blockCredits(sql, this.#slices, due.hash, due.reward, placed);
    const totals = {
      fee: credits?.allocation.fee ?? due.reward,
      donation: credits?.allocation.donation ?? 0n,
    };
    const lines = credits === null ? [feeLine(due.reward)] : creditLines(credits);
    return this.#post(due, fence, { winning, placed, ...totals }, lines);
  }

  /** Chosen once: the block's figures must not change when it comes back to the chain. */
  async #winning(due: Due): Promise<WinningSlice | null> {
    const [chosen] = await this.#deps.sql<
      { slice_seq: string | null; slice_reason: WinningSlice["reason"] }[]
    >`
      select slice_seq, slice_reason from booking where block_hash = ${due.hash}`;
    if (chosen === undefined || chosen.slice_seq === null) return winningSlice(this.#deps.sql, due);
    return { seq: Number(chosen.slice_seq), reason: chosen.slice_reason };
  }

  async #post(
    due: Due,
    fence: Fence,
    settlement: { winning: WinningSlice; placed: PlacedWindow; fee: bigint; donation: bigint } | null,
    lines: Iterable<JournalLine>,
  ): Promise<"immature" | null> {
    const { sql, actor } = this.#deps;
    const activation = due.activation + 1;
    return sql.begin(async (step) => {
      const { count } = await step`
        update booking set state = 'immature', activation = ${activation}, slice_seq = ${settlement?.winning.seq ?? null},
          slice_reason = ${settlement?.winning.reason ?? null}
        where block_hash = ${due.hash} and state in ('waiting', 'reversed') and activation = ${due.activation}
          and (slice_seq is null or slice_seq = ${settlement?.winning.seq ?? null})`;
      if (count === 0) return null; // another step was faster
      if (settlement !== null) {
        const { window, n, policyVersion } = settlement.placed;
        const inputs = inputsHash(due, due.reward, settlement.placed);
        await step`
          insert into settlement (block_hash, policy_version, n_num, n_den, newest, full_from, boundary, phi_num, phi_den,
            filled_num, filled_den, inputs_sha256, fee, donation)
          values (${due.hash}, ${policyVersion}, ${String(n.num)}, ${String(n.den)}, ${window.newest}, ${window.fullFrom},
            ${window.boundary?.seq ?? null}, ${text(window.boundary?.phi.num)}, ${text(window.boundary?.phi.den)},
            ${String(window.filled.num)}, ${String(window.filled.den)}, ${inputs}, ${String(settlement.fee)},
            ${String(settlement.donation)})
          on conflict do nothing`;
        const [stored] = await step<{ same: boolean }[]>`
          select inputs_sha256 = ${inputs} as same from settlement where block_hash = ${due.hash}`;
        if (stored?.same !== true)
          throw new Error("a block that came back would be settled otherwise than before");
      }
      await postJournal(step, fence, { kind: "block_credit", ref: reference(due, activation), actor, lines });
      return "immature" as const;
    });
  }

  async #move(due: Due, fence: Fence, to: "reversed" | "mature" | "lost"): Promise<Booked["became"] | null> {
    const { sql, actor } = this.#deps;
    const block = { hash: Buffer.from(due.hash).reverse(), activation: due.activation, actor };
    const from = to === "lost" ? "mature" : "immature";
    return sql.begin(async (step) => {
      await step`select leader_fence(${fence.role}, ${fence.epoch})`.catch((error: unknown) => {
        throw journalError(error, fence, `block_${to}`, reference(due, due.activation));
      });
      const { count } = await step`
        update booking set state = ${to} where block_hash = ${due.hash} and state = ${from} and activation = ${due.activation}`;
      if (count === 0) return null;
      if (to === "reversed") await reverseBlock(step, fence, block);
      else if (to === "mature") await matureBlock(step, fence, block);
      else {
        await step`
          insert into payout_freeze (reason, detail)
          values ('coinbase gone', ${`block ${block.hash.toString("hex")} left the chain after its credit was released`})
          on conflict do nothing`;
      }
      return to;
    });
  }

  /** A ledger that does not add up stops payouts; mining and booking go on. */
  async #checkBalance(): Promise<void> {
    const { sql, logger } = this.#deps;
    // Not the sum of all transfers, which takes longer every year: `lode audit ledger` compares those.
    const [row] = await sql<{ debits_less_credits: string }[]>`select debits_less_credits from trial_balance`;
    if (row?.debits_less_credits === "0") return;
    logger.error({ ...row }, "the ledger does not add up: payouts are frozen");
    await sql`
      insert into payout_freeze (reason, detail) values ('unbalanced', 'the trial balance is not zero') on conflict do nothing`;
  }
}

function reference(due: Due, activation: number): string {
  return blockReference(Buffer.from(due.hash).reverse(), activation);
}

function feeLine(amount: bigint): JournalLine {
  return { debit: ledgerAccountId("coinbase_immature"), credit: ledgerAccountId("fee_immature"), amount };
}

function text(value: bigint | undefined): string | null {
  return value === undefined ? null : String(value);
}
