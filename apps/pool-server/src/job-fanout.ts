import { heightFromBip34 } from "@lode/bitcoin";
import { type JobFactory, type MiningJob, NtimeFloor, type Template, type Tip } from "@lode/mining";
import type { Clock } from "@lode/ports";

/** What the fan-out hands jobs to. */
export interface JobAudience {
  publish(job: MiningJob): void;
}

/**
 * Makes jobs of templates and hands each to every miner. `min_ntime` never decreases while prev_hash stays: the reference translator leaves a pool whose jobs go back in time.
 */
export class JobFanout {
  readonly #factory: JobFactory;
  readonly #audience: JobAudience;
  readonly #clock: Clock;
  #template: Template | null = null;
  #tip: Tip | null = null;
  #floor: NtimeFloor | null = null;
  #job: MiningJob | undefined;

  constructor(factory: JobFactory, audience: JobAudience, clock: Clock) {
    this.#factory = factory;
    this.#audience = audience;
    this.#clock = clock;
  }

  /** The job a new channel starts with; undefined before the first template. */
  get current(): MiningJob | undefined {
    if (this.#job !== undefined && this.#floor?.isOutdated(this.#job.minNtime)) this.#job = this.fresh();
    return this.#job;
  }

  /** Height of the block being mined; 0 before the first template. */
  get height(): number {
    return this.#template === null ? 0 : (heightFromBip34(this.#template.coinbasePrefix) ?? 0);
  }

  /** A job with search space of its own on the current template: for a refresh, or for one channel's new target. */
  fresh(): MiningJob | undefined {
    if (this.#template === null || this.#tip === null || this.#floor === null) return undefined;
    return this.#factory.build(this.#template, this.#tip, this.#floor.value);
  }

  /** Publishes work made from a template. True when the tip changed. */
  onTemplate(template: Template, tip: Tip): boolean {
    const newTip = this.#tip === null || Buffer.compare(this.#tip.prevHash, tip.prevHash) !== 0;
    const floor = this.#floorOf(tip, newTip);
    // First of all, as it may throw: work that no job can be made of must not replace work that can be mined.
    const job = this.#factory.build(template, tip, floor.value);
    this.#floor = floor;
    this.#template = template;
    this.#tip = tip;
    this.#job = job;
    this.#audience.publish(job);
    return newTip;
  }

  /** Another source of the same tip may state another time. */
  #floorOf(tip: Tip, newTip: boolean): NtimeFloor {
    if (newTip || this.#floor === null) return new NtimeFloor(this.#clock, tip);
    if (this.#tip?.headerTimestamp === tip.headerTimestamp) return this.#floor;
    return new NtimeFloor(this.#clock, tip, this.#floor.value);
  }
}
