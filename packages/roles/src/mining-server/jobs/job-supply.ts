import type { ExtranonceAllocator, MiningJob, Tip } from "@lode/mining";
import { JobFrames } from "./job-frames.ts";

/** Where jobs come from. */
export interface JobSource {
  /** The job to hand out now; undefined while there is no template. */
  current(): MiningJob | undefined;
  /** A new job (new serial) from the current template. */
  fresh(): MiningJob | undefined;
}

/** Prefixes of closed channels that may wait for the next job before one is made for their sake. */
const MAX_COOLING = 1_000;

/**
 * The newest job there is, and the search space to go with it.
 *
 * A closed channel's extranonce prefix is given out again only with a newer job: on the same job a second channel could
 * hand in the first one's shares once more, and no duplicate check would see it. So prefixes cool down until the newest
 * job changes; when that takes too long, a fresh job is made.
 */
export class JobSupply {
  readonly #source: JobSource;
  readonly #extranonces: ExtranonceAllocator;
  readonly #cooling: Uint8Array[] = [];
  #newest: JobFrames | undefined;

  constructor(source: JobSource, extranonces: ExtranonceAllocator) {
    this.#source = source;
    this.#extranonces = extranonces;
  }

  /** The newest job that was adopted; undefined before the first. */
  get newest(): JobFrames | undefined {
    return this.#newest;
  }

  /** The job for a new channel, undefined while there is none. */
  opening(): JobFrames | undefined {
    const current = this.#source.current();
    if (current === undefined) return undefined;
    const newest = this.#newest;
    const isOvertaken = newest === undefined || newest.job.serial < current.serial;
    return !isOvertaken && isSameTip(newest.job.tip, current.tip) ? newest : this.adopt(current);
  }

  /** A job that is newer than `previous`, a channel's newest; undefined when none can be made. */
  newerThan(previous: MiningJob | undefined): JobFrames | undefined {
    const newest = this.opening();
    if (newest === undefined || newest.job !== previous) return newest;
    return this.#refresh();
  }

  /**
   * Makes `job` the newest. One that was built before the newest (for a tip that was expected, say) is built again: a
   * channel refuses jobs that are older than what it has forgotten.
   */
  adopt(job: MiningJob): JobFrames {
    const last = this.#newest;
    if (last?.job === job) return last;
    if (last !== undefined && job.serial < last.job.serial) {
      const rebuilt = this.#source.fresh();
      if (rebuilt !== undefined && isSameTip(rebuilt.tip, job.tip)) return this.#replace(rebuilt, last);
    }
    return this.#replace(job, last);
  }

  /** Whether the newest job builds on `tip`. */
  isTip(tip: Tip): boolean {
    return this.#newest !== undefined && isSameTip(this.#newest.job.tip, tip);
  }

  /** A prefix for a new channel that gets its job from {@link JobSupply.opening} afterwards; undefined: none left. */
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

  #replace(job: MiningJob, last: JobFrames | undefined): JobFrames {
    // SV2 5.3.15: min_ntime never decreases while prev_hash is unchanged, whatever another source of the same tip says.
    const floor = last !== undefined && isSamePrevHash(last.job.tip, job.tip) ? last.minNtime : 0;
    const frames = new JobFrames(job, Math.max(job.minNtime, floor));
    this.#newest = frames;
    for (const prefix of this.#cooling.splice(0)) this.#extranonces.release(prefix);
    return frames;
  }

  #refresh(): JobFrames | undefined {
    const job = this.#source.fresh();
    return job && this.adopt(job);
  }
}

/**
 * Jobs are of the same tip when miners can go from one to the other without a SetNewPrevHash: prev_hash and nbits agree.
 * Another source may state another timestamp. On test networks nbits changes after twenty minutes without a block.
 */
export function isSameTip(a: Tip, b: Tip): boolean {
  return a === b || (a.nbits === b.nbits && isSamePrevHash(a, b));
}

function isSamePrevHash(a: Tip, b: Tip): boolean {
  for (let index = 0; index < 32; index++) if (a.prevHash[index] !== b.prevHash[index]) return false;
  return true;
}
