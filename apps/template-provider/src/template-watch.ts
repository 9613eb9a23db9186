import type { NodeRpc } from "@lode/bitcoin/node";
import { type Clock, CodedError, type Timer } from "@lode/ports";
import { type BlockTemplate, parseBlockTemplate } from "./block-template.ts";

export interface TemplateWatchOptions {
  readonly rpc: Pick<NodeRpc, "call">;
  readonly clock: Clock;
  /** Pause between plain refreshes for fees, milliseconds. */
  readonly refreshMs: number;
  /** Pause between looks at the best block hash, the net below the long poll, milliseconds. */
  readonly tipPollMs: number;
}

export interface TemplateWatchListener {
  /** A template as the node has it now; also one equal to the last. */
  onTemplate(template: BlockTemplate): void;
  /** The node does not answer, or not usefully; called at every failure. */
  onFailure(error: unknown): void;
}

const REQUEST = { rules: ["segwit", "signet"], capabilities: ["longpoll"] };
/** A long poll may wait for as long as there is no new block; it is asked anew before intermediaries lose patience. */
const LONGPOLL_TIMEOUT_MS = 600_000;
const CALL_TIMEOUT_MS = 30_000;
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 5_000;
/** A node that answers a long poll without news is asked again after this, not at once. */
const NO_NEWS_PAUSE_MS = 1_000;

/**
 * Watches a node for better templates: a long poll, a plain refresh for fees and a cheap poll of the best hash run side
 * by side, and whichever notices something first makes one getblocktemplate. Core looks at mempool changes in a long poll
 * only after a minute, and its long poll can be lost with its connection, hence the three.
 */
export class TemplateWatch {
  readonly #options: TemplateWatchOptions;
  readonly #listener: TemplateWatchListener;
  readonly #abort = new AbortController();
  readonly #timers: Timer[] = [];
  /** Tip of the template last passed on, display order, and how often it has changed. */
  #tip = "";
  #tipTurns = 0;
  #fetching: Promise<void> | null = null;
  #fetchAgain = false;
  #retryMs = RETRY_MIN_MS;
  #wake: (() => void) | null = null;

  constructor(options: TemplateWatchOptions, listener: TemplateWatchListener) {
    this.#options = options;
    this.#listener = listener;
  }

  start(): void {
    const { clock, refreshMs, tipPollMs } = this.#options;
    this.#timers.push(clock.every(refreshMs, () => this.refresh()));
    this.#timers.push(clock.every(tipPollMs, () => void this.#pollTip()));
    void this.#longpoll();
  }

  /** Fetches a template now, unless one is being fetched: then once more after it. */
  refresh(): void {
    if (this.#stopped) return;
    if (this.#fetching !== null) {
      this.#fetchAgain = true;
      return;
    }
    this.#fetching = this.#fetch().finally(() => {
      this.#fetching = null;
      if (this.#fetchAgain) {
        this.#fetchAgain = false;
        this.refresh();
      }
    });
  }

  stop(): void {
    this.#abort.abort();
    this.#wake?.();
    for (const timer of this.#timers) timer.cancel();
  }

  get #stopped(): boolean {
    return this.#abort.signal.aborted;
  }

  async #fetch(): Promise<void> {
    try {
      await this.#getTemplate("", CALL_TIMEOUT_MS);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The first round has no id and is answered at once: it is also the first template. */
  async #longpoll(): Promise<void> {
    let longpollId = "";
    while (!this.#stopped) {
      try {
        const template = await this.#getTemplate(longpollId, LONGPOLL_TIMEOUT_MS);
        this.#retryMs = RETRY_MIN_MS;
        if (template.longpollId === longpollId) await this.#pause(NO_NEWS_PAUSE_MS);
        longpollId = template.longpollId;
      } catch (error) {
        const quiet = error instanceof CodedError && error.code === "timeout";
        if (!quiet) this.#fail(error);
        longpollId = "";
        await this.#pause(this.#retryMs);
        this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
      }
    }
  }

  async #getTemplate(longpollId: string, timeoutMs: number): Promise<BlockTemplate> {
    const request = longpollId === "" ? REQUEST : { ...REQUEST, longpollid: longpollId };
    const tipTurns = this.#tipTurns;
    const template = parseBlockTemplate(await this.#call("getblocktemplate", [request], timeoutMs));
    const tip = Buffer.from(template.previousBlockHash).reverse().toString("hex");
    if (tip !== this.#tip && tipTurns !== this.#tipTurns) {
      // Another answer brought a new tip meanwhile: this one may be older than that. A fresh one is not.
      this.refresh();
      return template;
    }
    if (tip !== this.#tip) this.#tipTurns += 1;
    this.#tip = tip;
    if (!this.#stopped) this.#listener.onTemplate(template);
    return template;
  }

  async #pollTip(): Promise<void> {
    if (this.#stopped) return;
    try {
      const hash = await this.#call("getbestblockhash", [], CALL_TIMEOUT_MS);
      if (typeof hash === "string" && hash !== this.#tip) this.refresh();
    } catch (error) {
      this.#fail(error);
    }
  }

  #call(method: string, params: readonly unknown[], timeoutMs: number): Promise<unknown> {
    return this.#options.rpc.call(method, params, { timeoutMs, signal: this.#abort.signal });
  }

  #fail(error: unknown): void {
    if (!this.#stopped) this.#listener.onFailure(error);
  }

  #pause(ms: number): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(ms, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
