import type { Template } from "@lode/mining";
import { CodedError } from "@lode/ports";
import type { TemplateTransactions } from "./template-feed.ts";

/** Why a template's transactions are not to be had. */
class TransactionsError extends CodedError<{ code: "transactions-unavailable"; templateId: string }> {}

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
 * found block can always be built and submitted without the source it came from. Kept by template, not by its id: a
 * template server that was restarted counts from 1 again.
 */
export class TransactionStore {
  readonly #request: (templateId: bigint) => void;
  #current = new Map<Template, Entry>();
  #previous = new Map<Template, Entry>();
  /** What the present connection was asked for. */
  readonly #asked = new Map<bigint, Entry>();
  /** One buffer for each transaction seen under the current tip, by content. */
  #shared = new Map<string, Uint8Array>();

  /** @param request asks the source for a template's transactions; the answer comes through {@link put} */
  constructor(request: (templateId: bigint) => void) {
    this.#request = request;
  }

  /** A template has come: its transactions are wanted. */
  expect(template: Template): void {
    const entry = newEntry();
    this.#current.set(template, entry);
    if (this.#current.size > KEPT_PER_TIP) {
      const [oldest] = this.#current;
      if (oldest !== undefined) this.#forget(this.#current, oldest[0]);
    }
    this.#asked.set(template.templateId, entry);
    this.#request(template.templateId);
  }

  put(templateId: bigint, list: Transactions | null): void {
    const entry = this.#asked.get(templateId);
    if (entry === undefined) return;
    this.#asked.delete(templateId);
    if (list === null) {
      entry.reject(unavailable(templateId));
      return;
    }
    entry.ready = list.map((transaction) => this.#share(transaction));
    entry.resolve(entry.ready);
  }

  get(template: Template): TemplateTransactions {
    return this.#current.get(template) ?? this.#previous.get(template) ?? noTransactions(template);
  }

  /** The templates expected since the last turn belong to the new tip; those of the tip before the last are forgotten. */
  turnTip(templatesOfNewTip: Iterable<Template>): void {
    const kept = new Map<Template, Entry>();
    for (const template of templatesOfNewTip) {
      const entry = this.#current.get(template);
      if (entry === undefined) continue;
      kept.set(template, entry);
      this.#current.delete(template);
    }
    for (const template of [...this.#previous.keys()]) this.#forget(this.#previous, template);
    this.#previous = this.#current;
    this.#current = kept;
    this.#shared = new Map();
  }

  /** The connection is gone: what has not come will not come. What is here stays. */
  disconnected(): void {
    for (const [templateId, entry] of this.#asked) entry.reject(unavailable(templateId));
    this.#asked.clear();
  }

  #forget(entries: Map<Template, Entry>, template: Template): void {
    const entry = entries.get(template);
    entries.delete(template);
    if (entry === undefined || entry.ready !== null) return;
    if (this.#asked.get(template.templateId) === entry) this.#asked.delete(template.templateId);
    entry.reject(unavailable(template.templateId));
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

/** The answer for a template whose transactions nobody has. */
export function noTransactions({ templateId }: Template): TemplateTransactions {
  const later = Promise.reject(unavailable(templateId));
  later.catch(() => {});
  return { ready: null, later };
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
