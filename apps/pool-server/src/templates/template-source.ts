import type { Template, Tip } from "@lode/mining";
import type { Clock, Logger, Metrics, Timer } from "@lode/ports";
import { TemplateClient } from "@lode/roles";
import type { FrameConnection } from "@lode/transport";
import type { Solution, TemplateTransactions } from "./template-feed.ts";
import { TransactionStore } from "./transaction-store.ts";

/** One template server to connect to. */
export interface TemplateSourceSettings {
  /** Name in logs, metrics and {@link Template.sourceId}. */
  readonly name: string;
  /** Room our coinbase outputs take, serialized bytes, and their sigop cost (BIP141). */
  readonly coinbaseOutputMaxAdditionalSize: number;
  readonly coinbaseOutputMaxAdditionalSigops: number;
  readonly firstTemplateWithinMs: number;
}

export interface TemplateSourceDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Opens a new connection to this server. */
  readonly dial: () => Promise<FrameConnection>;
}

/** What a source knows of the chain, once it has sent both a template and its tip. */
export interface SourceWork {
  readonly template: Template;
  readonly tip: Tip;
}

const RECONNECT_MIN_MS = 250;
const RECONNECT_MAX_MS = 10_000;
/** Future templates kept while their SetNewPrevHash is awaited. */
const FUTURES = 16;
/** Solutions kept for a server that is away; beyond that the oldest is left to the other ways of submission. */
const UNSENT = 16;
const VENDOR = "Lode";

/** Keeps one template server connected and its latest work at hand. */
export class TemplateSource {
  readonly name: string;
  readonly #settings: TemplateSourceSettings;
  readonly #deps: TemplateSourceDeps;
  readonly #onChange: (source: TemplateSource) => void;
  readonly #transactions: TransactionStore;
  #client: TemplateClient | null = null;
  #futures = new Map<bigint, Template>();
  #tip: Tip | null = null;
  #work: SourceWork | null = null;
  #healthySince: number | null = null;
  /** Solutions found while the server was away: miners keep their last job meanwhile. */
  #unsent: Solution[] = [];
  #reconnectMs = RECONNECT_MIN_MS;
  #retry: Timer | null = null;
  #stopped = false;

  /** @param onChange called when {@link work} or {@link healthySince} changed */
  constructor(
    settings: TemplateSourceSettings,
    deps: TemplateSourceDeps,
    onChange: (source: TemplateSource) => void,
  ) {
    this.name = settings.name;
    this.#settings = settings;
    this.#deps = deps;
    this.#onChange = onChange;
    this.#transactions = new TransactionStore((templateId) => this.#client?.requestTransactions(templateId));
  }

  /** Latest work; null while the source is not connected or has not sent any. */
  get work(): SourceWork | null {
    return this.#work;
  }

  /** Monotonic time since which the source has been connected and giving work; null otherwise. */
  get healthySince(): number | null {
    return this.#healthySince;
  }

  start(): void {
    void this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
    this.#client?.close("shutting-down");
  }

  /** Hands a solution to the server; while it is not connected, the solution waits until it gives work again. */
  submitSolution(solution: Solution): void {
    if (this.#client !== null && this.#work !== null) {
      this.#client.submitSolution(solution);
      return;
    }
    this.#deps.logger.warn(
      { source: this.name },
      "the template source of a found block is not connected; it gets the block when it is back",
    );
    this.#unsent.push(solution);
    if (this.#unsent.length > UNSENT) this.#unsent.shift();
  }

  transactions(template: Template): TemplateTransactions {
    return this.#transactions.get(template);
  }

  async #connect(): Promise<void> {
    let connection: FrameConnection;
    try {
      connection = await this.#deps.dial();
    } catch (error) {
      this.#deps.logger.warn(
        { err: error, source: this.name, retry_ms: this.#reconnectMs },
        "the template source cannot be reached; trying again",
      );
      this.#reconnectLater();
      return;
    }
    if (this.#stopped) {
      connection.destroy("shutting-down");
      return;
    }
    this.#deps.logger.info({ source: this.name }, "connected to the template source");
    this.#client = new TemplateClient(
      connection,
      {
        sourceId: this.name,
        clock: this.#deps.clock,
        logger: this.#deps.logger,
        metrics: this.#deps.metrics,
        vendor: VENDOR,
        coinbaseOutputMaxAdditionalSize: this.#settings.coinbaseOutputMaxAdditionalSize,
        coinbaseOutputMaxAdditionalSigops: this.#settings.coinbaseOutputMaxAdditionalSigops,
        firstTemplateWithinMs: this.#settings.firstTemplateWithinMs,
      },
      {
        onTemplate: (template, future) => this.#onTemplate(template, future),
        onPrevHash: (templateId, tip) => this.#onPrevHash(templateId, tip),
        onTransactions: (templateId, list) => this.#transactions.put(templateId, list),
        onClose: (reason) => this.#onClose(reason),
      },
    );
  }

  #onTemplate(template: Template, future: boolean): void {
    this.#transactions.expect(template);
    if (future) {
      this.#futures.set(template.templateId, template);
      if (this.#futures.size > FUTURES) {
        const oldest = this.#futures.keys().next().value;
        if (oldest !== undefined) this.#futures.delete(oldest);
      }
    } else if (this.#tip !== null) {
      this.#setWork(template, this.#tip);
    }
  }

  #onPrevHash(templateId: bigint, tip: Tip): void {
    this.#tip = tip;
    const template = this.#futures.get(templateId);
    this.#transactions.turnTip(this.#futures.values());
    this.#futures = new Map();
    // An unknown template id still means a new tip: work for it comes with the next template.
    if (template !== undefined) this.#setWork(template, tip);
  }

  #setWork(template: Template, tip: Tip): void {
    this.#work = { template, tip };
    this.#healthySince ??= this.#deps.clock.monotonic();
    this.#reconnectMs = RECONNECT_MIN_MS;
    for (const solution of this.#unsent.splice(0)) this.#client?.submitSolution(solution);
    this.#onChange(this);
  }

  #onClose(reason: string): void {
    this.#client = null;
    this.#work = null;
    this.#tip = null;
    this.#futures = new Map();
    this.#healthySince = null;
    this.#transactions.disconnected();
    if (this.#stopped) return;
    this.#deps.logger.warn({ source: this.name, reason }, "lost the template source; connecting again");
    this.#onChange(this);
    this.#reconnectLater();
  }

  #reconnectLater(): void {
    if (this.#stopped) return;
    this.#retry = this.#deps.clock.after(this.#reconnectMs, () => void this.#connect());
    this.#reconnectMs = Math.min(this.#reconnectMs * 2, RECONNECT_MAX_MS);
  }
}
