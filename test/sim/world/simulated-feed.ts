import type { Template } from "@lode/mining";
import type { Solution, TemplateFeed, TemplateFeedListener, TemplateTransactions } from "@lode/pool-server";
import type { Prng } from "@lode/testing/random";
import type { Chain, IssuedTemplate } from "./chain.ts";
import type { ProcessClock } from "./process-clock.ts";
import { SimulatedFault } from "./world.ts";

/** The template sources as one pool process sees them. */
export class SimulatedFeed implements TemplateFeed {
  readonly #chain: Chain;
  readonly #clock: ProcessClock;
  readonly #prng: Prng;
  readonly #onSolution: (sourceId: string, solution: Solution) => void;
  #listener: TemplateFeedListener | null = null;
  #lastDue = 0;
  #delivered: IssuedTemplate | null = null;
  #outage = false;

  /** @param onSolution hears what the pool hands in */
  constructor(
    chain: Chain,
    clock: ProcessClock,
    prng: Prng,
    onSolution: (sourceId: string, solution: Solution) => void,
  ) {
    this.#chain = chain;
    this.#clock = clock;
    this.#prng = prng;
    this.#onSolution = onSolution;
  }

  get healthy(): boolean {
    return this.#chain.up;
  }

  /** What the pool was given last; null before the first. */
  get delivered(): IssuedTemplate | null {
    return this.#delivered;
  }

  /** The pool was told that there is no source. */
  get outage(): boolean {
    return this.#outage;
  }

  start(listener: TemplateFeedListener): void {
    this.#listener = listener;
    this.#chain.onWork = (issued) => this.#deliver(issued);
    this.#chain.onDown = () => this.#plan(() => this.#onDown());
    const { current } = this.#chain;
    if (current !== null) this.#deliver(current);
  }

  submitSolution(sourceId: string, solution: Solution): void {
    this.#onSolution(sourceId, solution);
  }

  transactions(template: Template): TemplateTransactions {
    const issued = this.#chain.find(template.templateId);
    const known = issued?.template.sourceId === template.sourceId ? issued : undefined;
    if (known?.state === "ready") {
      return { ready: known.transactions, later: Promise.resolve(known.transactions) };
    }
    const later = new Promise<readonly Uint8Array[]>((resolve, reject) => {
      const settle = () => {
        if (!this.#clock.alive) return;
        if (known?.state === "ready") resolve(known.transactions);
        else reject(new SimulatedFault({ code: "transactions-unavailable" }));
      };
      if (known?.state === "pending") known.waiting.push(settle);
      else settle();
    });
    later.catch(() => {});
    return { ready: null, later };
  }

  stop(): void {
    this.#listener = null;
  }

  #deliver(issued: IssuedTemplate): void {
    this.#plan(() => {
      this.#outage = false;
      try {
        this.#listener?.onTemplate(issued.template, issued.tip);
      } catch (error) {
        // The real sources log it and go on.
        if (issued.usable) throw error;
        return;
      }
      this.#delivered = issued;
    });
  }

  #onDown(): void {
    // Sources that never gave work cannot be missed.
    if (this.#delivered === null || this.#outage) return;
    this.#outage = true;
    this.#listener?.onOutage();
  }

  /** News travel a little, and never overtake each other. */
  #plan(news: () => void): void {
    const now = this.#clock.monotonic();
    this.#lastDue = Math.max(this.#lastDue, now + this.#prng.pick([0, 0, 1, 5, 30]));
    this.#clock.after(this.#lastDue - now, () => {
      if (this.#listener !== null) news();
    });
  }
}
