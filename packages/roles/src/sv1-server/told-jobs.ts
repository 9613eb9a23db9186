import type { Sv1Work } from "./sv1-work.ts";

/** A job as one miner was told it. */
export interface ToldJob<W extends Sv1Work> {
  readonly work: W;
  /** Version bits the miner might roll at the time. */
  readonly versionMask: number;
}

/** The jobs that a miner may hand in shares for, by the ids it was told. */
export class ToldJobs<W extends Sv1Work> {
  readonly #maximum: number;
  readonly #jobs = new Map<string, ToldJob<W>>();
  #count = 0;
  /** Ids below are of jobs that are over. */
  #firstFresh = 0;

  /** @param maximum jobs that are remembered */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** Remembers a job under a new id; with `clean`, all earlier ones are over. Over and too old are forgotten at the next. */
  add(job: ToldJob<W>, clean: boolean): string {
    if (clean) {
      // Jobs of the block before stay for one more block: a share of theirs may still be a block.
      for (const [id] of this.#jobs) if (Number.parseInt(id, 16) < this.#firstFresh) this.#jobs.delete(id);
      this.#firstFresh = this.#count;
    }
    const id = (this.#count++).toString(16);
    this.#jobs.set(id, job);
    if (this.#jobs.size > this.#maximum) this.#jobs.delete(this.#jobs.keys().next().value!);
    return id;
  }

  /** A job by its id; undefined when it was never told, or is forgotten. Some firmware changes the case. */
  find(id: string): ToldJob<W> | undefined {
    return this.#jobs.get(id.toLowerCase());
  }

  /** True for a job that a later clean one has ended. */
  isOver(id: string): boolean {
    return Number.parseInt(id, 16) < this.#firstFresh;
  }
}
