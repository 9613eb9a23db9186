import type { BlockCandidate, CandidateStore } from "@lode/pool-server";
import type { Prng } from "@lode/testing/random";
import type { ProcessClock } from "./process-clock.ts";
import { SimulatedFault, type World } from "./world.ts";

/** Files that are kept; what is over goes first, long after its process. */
const KEPT_FILES = 4_000;

/** A candidate's file, perhaps set aside. */
type DiskFile = BlockCandidate & { readonly settled?: true };

/** The pool machine's disk, of which only the candidates' files matter. Survives crashes. */
export class SimulatedDisk {
  readonly #world: World;
  readonly #prng: Prng;
  readonly #files = new Map<string, DiskFile>();
  /** Writes under way, by process. */
  readonly #writes = new Map<ProcessClock, Set<{ cancelled: boolean }>>();
  healthy = true;

  constructor(world: World) {
    this.#world = world;
    this.#prng = world.prng.fork();
  }

  /** @param hash display order, hex */
  find(hash: string): DiskFile | undefined {
    return this.#files.get(hash);
  }

  /** Whether the file was set aside. @param hash display order, hex */
  isSettled(hash: string): boolean {
    return this.#files.get(hash)?.settled === true;
  }

  get hasUnsettled(): boolean {
    return [...this.#files.values()].some(({ settled }) => settled !== true);
  }

  /** Blocks whose fate is open and that can be handed in again: what a new process has to take up. Display order. */
  unfinished(): string[] {
    return [...this.#files.values()]
      .filter((file) => isOpen(file) && file.block !== null)
      .map(({ hash }) => hash);
  }

  /** The disk as a process sees it. @param onRead hears what the process read at its start */
  session(clock: ProcessClock, onRead: (unresolved: readonly BlockCandidate[]) => void): CandidateStore {
    const writes = new Set<{ cancelled: boolean }>();
    this.#writes.set(clock, writes);
    return {
      save: (candidate) => {
        if (!clock.alive) return new Promise(() => {});
        return clock.seen(this.#save(candidate, writes));
      },
      settle: (candidate) => {
        if (!clock.alive) return new Promise(() => {});
        return clock.seen(this.#save({ ...candidate, settled: true }, writes));
      },
      settled: async () => [],
      unsettled: () =>
        clock.seen(
          this.#world.sleep(this.#prng.below(5)).then(() => {
            const open = [...this.#files.values()].filter(({ settled }) => settled !== true);
            if (clock.alive) onRead(open);
            return open;
          }),
        ),
    };
  }

  /** A process died: a file it was about to replace is the old one or the new one. */
  abandon(clock: ProcessClock): void {
    for (const write of this.#writes.get(clock) ?? []) write.cancelled ||= this.#prng.chance(0.5);
    this.#writes.delete(clock);
  }

  async #save(candidate: DiskFile, writes: Set<{ cancelled: boolean }>): Promise<void> {
    const fails = !this.healthy && this.#prng.chance(0.7);
    const write = { cancelled: false };
    writes.add(write);
    await this.#world.sleep(this.#prng.pick([0, 1, 4, 20]));
    writes.delete(write);
    if (fails) {
      this.#world.fault("disk-error");
      throw new SimulatedFault({ code: "EIO" });
    }
    if (!write.cancelled) this.#write(candidate);
  }

  #write(candidate: DiskFile): void {
    this.#files.set(candidate.hash, candidate);
    if (this.#files.size <= KEPT_FILES) return;
    for (const [hash, file] of this.#files) {
      // Nothing more will come of it: its fate is known, or there is no block to hand in again.
      if (!isOpen(file) || file.block === null) this.#files.delete(hash);
      if (this.#files.size <= KEPT_FILES / 2) return;
    }
  }
}

function isOpen({ state }: BlockCandidate): boolean {
  return state === "found" || state === "submitted";
}
