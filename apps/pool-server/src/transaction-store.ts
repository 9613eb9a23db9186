import { CodedError } from "@lode/ports";
import type { TemplateTransactions } from "./template-feed.ts";

/** Why a template's transactions are not to be had. */
export class TransactionsError extends CodedError<{ code: "transactions-unavailable"; templateId: string }> {}

type Transactions = readonly Uint8Array[];

interface Entry {
  ready: Transactions | null;
  readonly later: Promise<Transactions>;
  readonly resolve: (list: Transactions) => void;
  readonly reject: (error: Error) => void;
}

/** Templates of one tip whose transactions are kept; equal transactions of several templates are kept once. */
const KEPT_PER_TIP = 32;

/**
 * Full transaction data of the templates of the current tip and the one before, fetched in the background, so that a
 * found block can always be built and submitted without the source it came from.
 */
export class TransactionStore {
  readonly #request: (templateId: bigint) => void;
  #current = new Map<bigint, Entry>();
  #previous = new Map<bigint, Entry>();
  /** One buffer for each transaction seen under the current tip, by content. */
  #shared = new Map<string, Uint8Array>();

  /** @param request asks the source for a template's transactions; the answer comes through {@link put} */
  constructor(request: (templateId: bigint) => void) {
    this.#request = request;
  }

  /** A template has come: its transactions are wanted. */
  expect(templateId: bigint): void {
    this.#current.set(templateId, newEntry());
    if (this.#current.size > KEPT_PER_TIP) {
      const [oldest] = this.#current;
      if (oldest !== undefined) {
        this.#current.delete(oldest[0]);
        oldest[1].reject(unavailable(oldest[0]));
      }
    }
    this.#request(templateId);
  }

  put(templateId: bigint, list: Transactions | null): void {
    const entry = this.#current.get(templateId) ?? this.#previous.get(templateId);
    if (entry === undefined || entry.ready !== null) return;
    if (list === null) {
      entry.reject(unavailable(templateId));
      return;
    }
    entry.ready = list.map((transaction) => this.#share(transaction));
    entry.resolve(entry.ready);
  }

  get(templateId: bigint): TemplateTransactions {
    const entry = this.#current.get(templateId) ?? this.#previous.get(templateId);
    if (entry !== undefined) return entry;
    const later = Promise.reject(unavailable(templateId));
    later.catch(() => {});
    return { ready: null, later };
  }

  /** The templates expected since the last turn belong to the new tip; those of the tip before the last are forgotten. */
  turnTip(templatesOfNewTip: Iterable<bigint>): void {
    const kept = new Map<bigint, Entry>();
    for (const templateId of templatesOfNewTip) {
      const entry = this.#current.get(templateId);
      if (entry === undefined) continue;
      kept.set(templateId, entry);
      this.#current.delete(templateId);
    }
    for (const [templateId, entry] of this.#previous) entry.reject(unavailable(templateId));
    this.#previous = this.#current;
    this.#current = kept;
    this.#shared = new Map();
  }

  /** The connection is gone: what has not come will not come. What is here stays. */
  disconnected(): void {
    for (const [templateId, entry] of [...this.#current, ...this.#previous]) {
      if (entry.ready === null) entry.reject(unavailable(templateId));
    }
  }

  #share(transaction: Uint8Array): Uint8Array {
    // The first bytes differ between transactions; the whole is compared, so a collision costs memory only.
    const key = Buffer.from(transaction.subarray(0, 64)).toString("latin1");
    const known = this.#shared.get(key);
    if (known !== undefined && Buffer.compare(known, transaction) === 0) return known;
    this.#shared.set(key, transaction);
    return transaction;
  }
}

function newEntry(): Entry {
  let resolve: (list: Transactions) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const later = new Promise<Transactions>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // Most templates never become a block: nobody waits for their transactions.
  later.catch(() => {});
  return { ready: null, later, resolve, reject };
}

function unavailable(templateId: bigint): TransactionsError {
  return new TransactionsError({ code: "transactions-unavailable", templateId: templateId.toString() });
}
