import { heightFromBip34 } from "@lode/bitcoin";
import type { JobFactory, MiningJob, Template, Tip } from "@lode/mining";

/** What the fan-out hands jobs to. */
export interface JobAudience {
  publish(job: MiningJob): void;
}

/**
 * Makes jobs of templates and hands each to every miner. `min_ntime` is the tip's header_timestamp and never decreases
 * while prev_hash stays: the reference translator leaves a pool whose jobs go back in time.
 */
export class JobFanout {
  readonly #factory: JobFactory;
  readonly #audience: JobAudience;
  #template: Template | null = null;
  #tip: Tip | null = null;
  #minNtime = 0;
  #job: MiningJob | undefined;

  constructor(factory: JobFactory, audience: JobAudience) {
    this.#factory = factory;
    this.#audience = audience;
  }

  /** The job a new channel starts with; undefined before the first template. */
  get current(): MiningJob | undefined {
    return this.#job;
  }

  /** Height of the block being mined; 0 before the first template. */
  get height(): number {
    return this.#template === null ? 0 : (heightFromBip34(this.#template.coinbasePrefix) ?? 0);
  }

  /** A job with search space of its own on the current template: for a refresh, or for one channel's new target. */
  fresh(): MiningJob | undefined {
    if (this.#template === null || this.#tip === null) return undefined;
    return this.#factory.build(this.#template, this.#tip, this.#minNtime);
  }

  /** Publishes work made from a template. True when the tip changed. */
  onTemplate(template: Template, tip: Tip): boolean {
    const newTip = this.#tip === null || Buffer.compare(this.#tip.prevHash, tip.prevHash) !== 0;
    const minNtime = newTip ? tip.headerTimestamp : Math.max(this.#minNtime, tip.headerTimestamp);
    // First of all, as it may throw: work that no job can be made of must not replace work that can be mined.
    const job = this.#factory.build(template, tip, minNtime);
    this.#minNtime = minNtime;
    this.#template = template;
    this.#tip = tip;
    this.#job = job;
    this.#audience.publish(job);
    return newTip;
  }
}
