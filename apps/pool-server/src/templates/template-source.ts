import { contradictsNetwork, type NetworkName } from "@lode/bitcoin";
import type { Template, Tip } from "@lode/mining";
import {
  type Clock,
  type DependencyError,
  FailureLog,
  type Logger,
  type Metrics,
  type Timer,
} from "@lode/ports";
import { TemplateClient } from "@lode/roles";
import type { FrameConnection } from "@lode/transport";
import type { BlockWitness } from "./block-witness.ts";
import { explainClose, explainDialFailure, explainWrongNetwork, type SourcePlace } from "./source-failure.ts";
import type { Solution, TemplateTransactions } from "./template-feed.ts";
import { TransactionStore } from "./transaction-store.ts";

/** One template server to connect to. */
export interface TemplateSourceSettings extends SourcePlace {
  /** In logs, metrics and {@link Template.sourceId}. */
  readonly name: string;
  /** What it must work for; null: anything. */
  readonly network: NetworkName | null;
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
  /** Asked where a source's work contradicts the network; nobody can be asked if absent. */
  readonly witness?: BlockWitness;
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
const WRONG_NETWORK = "wrong-network";
/** Clocks that differ by this much are told of, seconds. */
const CLOCK_DIFFERENCE = 120;

/** Keeps one template server connected and its latest work at hand. */
export class TemplateSource {
  readonly name: string;
  readonly #settings: TemplateSourceSettings;
  readonly #deps: TemplateSourceDeps;
  readonly #onChange: (source: TemplateSource) => void;
  readonly #transactions: TransactionStore;
  readonly #failures: FailureLog;
  readonly #clocks: FailureLog;
  /** Why the source gives no work; null while it does, or before the first attempt has ended. */
  #trouble: DependencyError | null = null;
  /** True once this connection's work was found to be of the right network; "asking" while nodes are asked. */
  #admitted: boolean | "asking" = false;
  /** Source's time less ours at the newest tip, seconds. */
  #clockDifference = 0;
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
    const { clock, logger } = deps;
    this.#failures = new FailureLog({ clock, logger });
    this.#clocks = new FailureLog({ clock, logger });
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

  /** Why it gives no work; null while it does. */
  get trouble(): DependencyError | null {
    return this.#trouble;
  }

  /** How far the source's clock was ahead of ours when its newest tip came, seconds; 0 before the first. */
  get clockDifference(): number {
    return this.#clockDifference;
  }

  start(): void {
    void this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
    this.#failures.stop();
    this.#clocks.stop();
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
      this.#fail(explainDialFailure(error, this.#settings));
      this.#reconnectLater();
      return;
    }
    if (this.#stopped) {
      connection.destroy("shutting-down");
      return;
    }
    this.#deps.logger.debug({ source: this.name }, "connected to the template source");
    this.#admitted = false;
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
    this.#compareClocks(tip);
    const template = this.#futures.get(templateId);
    this.#transactions.turnTip(this.#futures.values());
    this.#futures = new Map();
    // An unknown template id still means a new tip: work for it comes with the next template.
    if (template !== undefined) this.#setWork(template, tip);
  }

  #setWork(template: Template, tip: Tip): void {
    if (this.#admitted !== true && !this.#admit(template, tip)) return;
    this.#work = { template, tip };
    this.#trouble = null;
    this.#healthySince ??= this.#deps.clock.monotonic();
    this.#reconnectMs = RECONNECT_MIN_MS;
    this.#failures.worked(`the template source ${this.name} gives work again`, { source: this.name });
    for (const solution of this.#unsent.splice(0)) this.#client?.submitSolution(solution);
    this.#onChange(this);
  }

  /** Compares the first work of a connection with the network. False while it may not be mined. */
  #admit(template: Template, tip: Tip): boolean {
    if (this.#admitted === "asking") return false;
    const { network } = this.#settings;
    const doubt =
      network === null ? null : contradictsNetwork(network, { height: template.height, target: tip.target });
    this.#admitted = doubt === null ? true : "asking";
    if (network !== null && doubt !== null) void this.#ask(network, doubt, template, tip);
    return this.#admitted === true;
  }

  /** A node of the right network that has the block counts for more than what its numbers look like. */
  async #ask(network: NetworkName, doubt: string, template: Template, tip: Tip): Promise<void> {
    const client = this.#client;
    const known = (await this.#deps.witness?.(tip.prevHash)) ?? null;
    if (client === null || client !== this.#client) return;
    this.#admitted = known === true;
    if (known === true) {
      if (this.#tip === tip) this.#setWork(template, tip);
      return;
    }
    this.#fail(explainWrongNetwork(network, doubt, this.#settings));
    client.close(WRONG_NETWORK);
  }

  #compareClocks(tip: Tip): void {
    this.#clockDifference = tip.headerTimestamp - this.#deps.clock.now() / 1000;
    const fields = { source: this.name, seconds: Math.round(this.#clockDifference) };
    if (Math.abs(this.#clockDifference) < CLOCK_DIFFERENCE) {
      this.#clocks.worked(
        `the template source ${this.name} and this machine agree about the time again`,
        fields,
      );
    } else {
      this.#clocks.failed(
        `the template source ${this.name} and this machine differ by minutes about the time: set the clocks of both, and of the source's node, by NTP`,
        fields,
      );
    }
  }

  #fail(trouble: DependencyError): void {
    this.#trouble = trouble;
    this.#failures.failed(trouble.message, { source: this.name, code: trouble.code });
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
    if (reason !== WRONG_NETWORK) {
      this.#fail(explainClose(reason, this.#settings, this.#settings.firstTemplateWithinMs));
    }
    this.#reconnectLater();
  }

  #reconnectLater(): void {
    if (this.#stopped) return;
    this.#retry = this.#deps.clock.after(this.#reconnectMs, () => void this.#connect());
    this.#reconnectMs = Math.min(this.#reconnectMs * 2, RECONNECT_MAX_MS);
  }
}
