import { internalToDisplay } from "@lode/bitcoin";
import { type Clock, CodedError } from "@lode/ports";
import { Transaction } from "bitcoinjs-lib";
import type { Chain, TipChange } from "../chain/chain.ts";
import { type Coin, type CoinView, outpointKey } from "../chain/coins.ts";
import { checkSpends, witnessSigops } from "../chain/spend-rules.ts";
import {
  checkInputs,
  checkTransaction,
  isCoinbase,
  isFinal,
  legacySigops,
  transactionId,
} from "../chain/transaction-rules.ts";
import { createdCoins, type MempoolEntry, mempoolEntry } from "./entry.ts";

/** Why a transaction stays out. */
export type MempoolErrorType =
  | { code: "undecodable-transaction" }
  | { code: "missing-inputs" }
  | { code: "already-confirmed" }
  /** `reason` in Core's words. */
  | { code: "rejected"; reason: string };
/** Thrown by {@link Mempool.accept}. */
export class MempoolError extends CodedError<MempoolErrorType> {}

/** Entries at most; a node at home on one machine needs no more. */
const MAX_ENTRIES = 5_000;
/** Longest chain of unconfirmed transactions, this one included. */
const MAX_ANCESTORS = 25;
/** Satoshi per 1,000 virtual bytes (minrelaytxfee of Core 30). */
const MIN_RELAY_FEE_RATE = 100n;

/** Transactions that wait for a block. Each is valid on top of the tip and of those before it. */
export class Mempool implements CoinView {
  readonly #chain: Chain;
  readonly #clock: Clock;
  readonly #entries = new Map<string, MempoolEntry>();
  /** Spent outpoint → spender. */
  readonly #spenders = new Map<string, MempoolEntry>();
  readonly #created = new Map<string, Coin>();
  #updates = 0;

  constructor(chain: Chain, clock: Clock) {
    this.#chain = chain;
    this.#clock = clock;
    chain.onTipChange((change) => this.#follow(change));
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Grows with every change of the content. */
  get updates(): number {
    return this.#updates;
  }

  /** Oldest first, so parents before children. */
  entries(): IterableIterator<MempoolEntry> {
    return this.#entries.values();
  }

  /** By displayed txid. */
  entry(id: string): MempoolEntry | undefined {
    return this.#entries.get(id);
  }

  /** An output that is unspent in the chain and here. */
  get(outpoint: string): Coin | undefined {
    if (this.#spenders.has(outpoint)) return undefined;
    return this.#created.get(outpoint) ?? this.#chain.coins.get(outpoint);
  }

  /**
   * Takes a serialized transaction in; one that is here already stays. One that spends what others here spend replaces them
   * if it pays more (BIP125, without its signalling).
   *
   * @throws MempoolError
   */
  accept(raw: Uint8Array): MempoolEntry {
    const { entry, replaced } = this.#judge(raw);
    if (this.#entries.get(entry.id) === entry) return entry;
    for (const old of replaced) this.#remove(old);
    this.#add(entry);
    return entry;
  }

  /** What {@link Mempool.accept} would do, without doing it. */
  test(raw: Uint8Array): MempoolEntry {
    return this.#judge(raw).entry;
  }

  #judge(raw: Uint8Array): { entry: MempoolEntry; replaced: ReadonlySet<MempoolEntry> } {
    const tx = decodeTransaction(raw);
    const txid = transactionId(tx);
    const known = this.#entries.get(internalToDisplay(txid));
    if (known !== undefined) return { entry: known, replaced: new Set() };
    const unsound = checkTransaction(tx) ?? this.#checkPlace(tx);
    if (unsound !== null) throw new MempoolError({ code: "rejected", reason: unsound });
    if (tx.outs.some((_, index) => this.#chain.coins.get(outpointKey(txid, index)) !== undefined)) {
      throw new MempoolError({ code: "already-confirmed" });
    }
    const replaced = this.#conflictsOf(tx);
    const entry = this.#check(tx, txid, replaced);
    if (this.#entries.size - replaced.size >= MAX_ENTRIES) {
      throw new MempoolError({ code: "rejected", reason: "mempool full" });
    }
    return { entry, replaced };
  }

  #checkPlace(tx: Transaction): string | null {
    const { height, medianTimePast } = this.#chain.tip;
    if (isCoinbase(tx)) return "coinbase";
    return isFinal(tx, height + 1, medianTimePast) ? null : "non-final";
  }

  /** Everything that would have to go for `tx`: what spends its inputs, and all that builds on that. */
  #conflictsOf(tx: Transaction): Set<MempoolEntry> {
    const conflicts = new Set<MempoolEntry>();
    for (const input of tx.ins) {
      const spender = this.#spenders.get(outpointKey(input.hash, input.index));
      if (spender !== undefined) for (const one of this.#withDescendants(spender)) conflicts.add(one);
    }
    return conflicts;
  }

  #check(tx: Transaction, txid: Uint8Array, replaced: ReadonlySet<MempoolEntry>): MempoolEntry {
    const { height } = this.#chain.tip;
    const view: CoinView = {
      get: (outpoint) => this.#created.get(outpoint) ?? this.#chain.coins.get(outpoint),
    };
    const verdict = checkInputs(tx, view, height + 1, this.#chain.parameters.coinbaseMaturity);
    if (verdict.reason === "bad-txns-inputs-missingorspent")
      throw new MempoolError({ code: "missing-inputs" });
    if (verdict.reason !== null) throw new MempoolError({ code: "rejected", reason: verdict.reason });
    const scriptError = checkSpends(tx, verdict.coins);
    if (scriptError !== null) {
      throw new MempoolError({
        code: "rejected",
        reason: `mempool-script-verify-flag-failed (${scriptError})`,
      });
    }
    const parents = this.#parentsOf(tx);
    const entry = mempoolEntry(tx, {
      txid,
      fee: verdict.fee,
      sigops: legacySigops(tx) * 4 + witnessSigops(verdict.coins),
      parents,
      addedAt: this.#clock.now(),
    });
    const reason = checkPolicy(entry, replaced);
    if (reason !== null) throw new MempoolError({ code: "rejected", reason });
    return entry;
  }

  #parentsOf(tx: Transaction): MempoolEntry[] {
    const ids = new Set(tx.ins.map((input) => internalToDisplay(input.hash)));
    return [...ids].flatMap((id) => this.#entries.get(id) ?? []);
  }

  #withDescendants(entry: MempoolEntry): Set<MempoolEntry> {
    const found = new Set([entry]);
    for (const one of found) {
      one.tx.outs.forEach((_, index) => {
        const spender = this.#spenders.get(outpointKey(one.txid, index));
        if (spender !== undefined) found.add(spender);
      });
    }
    return found;
  }

  #add(entry: MempoolEntry): void {
    this.#entries.set(entry.id, entry);
    for (const outpoint of entry.spends) this.#spenders.set(outpoint, entry);
    for (const [outpoint, coin] of createdCoins(entry, this.#chain.tip.height + 1))
      this.#created.set(outpoint, coin);
    this.#updates++;
  }

  #remove(entry: MempoolEntry): void {
    this.#entries.delete(entry.id);
    for (const outpoint of entry.spends) this.#spenders.delete(outpoint);
    for (const [outpoint] of createdCoins(entry, 0)) this.#created.delete(outpoint);
    this.#updates++;
  }

  /** Starts over on the new tip: what left the chain comes back, what it confirmed or spent goes. */
  #follow({ disconnected }: TipChange): void {
    const returning = disconnected.toReversed().flatMap((block) => block.transactions?.slice(1) ?? []);
    const waiting = [
      ...returning.map((tx) => tx.toBuffer()),
      ...[...this.#entries.values()].map(({ raw }) => raw),
    ];
    for (const entry of [...this.#entries.values()]) this.#remove(entry);
    this.#updates++;
    for (const raw of waiting) {
      try {
        this.accept(raw);
      } catch (error) {
        if (!(error instanceof MempoolError)) throw error;
      }
    }
  }
}

/** Rules of the mempool's own: fee rate, chain length, replacement. */
function checkPolicy(entry: MempoolEntry, replaced: ReadonlySet<MempoolEntry>): string | null {
  const virtualSize = BigInt(Math.ceil(entry.weight / 4));
  if (entry.fee * 1000n < MIN_RELAY_FEE_RATE * virtualSize) return "min relay fee not met";
  if (ancestors(entry).size > MAX_ANCESTORS) return "too-long-mempool-chain";
  if (replaced.size === 0) return null;
  if ([...ancestors(entry)].some((one) => replaced.has(one))) return "bad-txns-spends-conflicting-tx";
  const needed =
    [...replaced].reduce((sum, { fee }) => sum + fee, 0n) + (MIN_RELAY_FEE_RATE * virtualSize) / 1000n;
  return entry.fee < needed ? "insufficient fee" : null;
}

function ancestors(entry: MempoolEntry): Set<MempoolEntry> {
  const found = new Set([entry]);
  for (const one of found) for (const parent of one.parents) found.add(parent);
  return found;
}

function decodeTransaction(raw: Uint8Array): Transaction {
  try {
    return Transaction.fromBuffer(raw);
  } catch {
    throw new MempoolError({ code: "undecodable-transaction" });
  }
}
