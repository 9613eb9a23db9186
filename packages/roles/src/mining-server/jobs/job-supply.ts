import {
  type ExtranonceAllocator,
  type JobFactory,
  type MiningJob,
  NtimeFloor,
  samePrevHash,
  sameTip,
  type Template,
  type Tip,
} from "@lode/mining";
import type { Clock } from "@lode/ports";
import { JobFrames } from "./job-frames.ts";

/** Prefixes of closed channels that may wait for the next job before one is made for their sake. */
const MAX_COOLING = 1_000;

/**
 * The job everybody is to mine on, made from the newest template, and the search space to go with it. It is the only owner
 * of that job: whoever needs one for a channel asks here.
 *
 * A closed channel's extranonce prefix is given out again only with a newer job: on the same job a second channel could
 * hand in the first one's shares once more, and no duplicate check would see it. So prefixes cool down until the newest
 * job changes; when that takes too long, a fresh job is made.
 */
export class JobSupply {
  readonly #factory: Pick<JobFactory, "build">;
  readonly #extranonces: ExtranonceAllocator;
  readonly #clock: Clock;
  readonly #cooling: Uint8Array[] = [];
  #newest: JobFrames | undefined;
  /** For jobs on the newest job's tip. */
  #floor: NtimeFloor | undefined;

  constructor(factory: Pick<JobFactory, "build">, extranonces: ExtranonceAllocator, clock: Clock) {
    this.#factory = factory;
    this.#extranonces = extranonces;
    this.#clock = clock;
  }

  /** The newest job; undefined before the first template. */
  get newest(): JobFrames | undefined {
    return this.#newest;
  }

  /** The job to hand out now: {@link newest}, made again once its min_ntime is out of date. */
  current(): JobFrames | undefined {
    const newest = this.#newest;
    return newest !== undefined && this.#floor?.isOutdated(newest.job.minNtime) ? this.#refresh() : newest;
  }

  /**
   * Makes a job of a template; it is the newest from now on.
   *
   * @returns whether miners need a SetNewPrevHash to get there
   * @throws what `JobFactory.build` does; the job before stays the newest then
   */
  onTemplate(template: Template, tip: Tip): { frames: JobFrames; newTip: boolean } {
    const last = this.#newest?.job;
    const floor = this.#floorOf(tip);
    const frames = this.#build(template, tip, floor);
    this.#floor = floor;
    return { frames, newTip: last === undefined || !sameTip(last.tip, tip) };
  }

  /** A job that is newer than `previous`, a channel's newest; undefined before the first template. */
  newerThan(previous: MiningJob | undefined): JobFrames | undefined {
    const newest = this.current();
    return newest === undefined || newest.job !== previous ? newest : this.#refresh();
  }

  /** A prefix for a new channel, whose first job must be {@link newest} at that time or a later one; undefined: none left. */
  allocate(): Uint8Array | undefined {
    const prefix = this.#extranonces.allocate();
    if (prefix !== undefined || this.#cooling.length === 0) return prefix;
    return this.#refresh() && this.#extranonces.allocate();
  }

  /** Takes back the prefix of a channel that was never given a job. */
  release(prefix: Uint8Array): void {
    this.#extranonces.release(prefix);
  }

  /** Takes back the prefix of a closed channel. */
  retire(prefix: Uint8Array): void {
    this.#cooling.push(prefix);
    if (this.#cooling.length >= MAX_COOLING) this.#refresh();
  }

  /** Another job from the same template: new work, since its serial is new. */
  #refresh(): JobFrames | undefined {
    const last = this.#newest?.job;
    return last && this.#floor && this.#build(last.template, last.tip, this.#floor);
  }

  #build(template: Template, tip: Tip, floor: NtimeFloor): JobFrames {
    const frames = new JobFrames(this.#factory.build(template, tip, floor.value));
    this.#newest = frames;
    for (const prefix of this.#cooling.splice(0)) this.#extranonces.release(prefix);
    return frames;
  }

  /**
   * SV2 5.3.15: min_ntime never decreases while prev_hash is unchanged, although another source of the same tip may state an
   * earlier time; the reference translator leaves a pool whose jobs go back in time.
   */
  #floorOf(tip: Tip): NtimeFloor {
    const last = this.#newest?.job.tip;
    if (last === undefined || this.#floor === undefined || !samePrevHash(last, tip)) {
      return new NtimeFloor(this.#clock, tip);
    }
    if (last.headerTimestamp === tip.headerTimestamp) return this.#floor;
    return new NtimeFloor(this.#clock, tip, this.#floor.value);
  }
}
