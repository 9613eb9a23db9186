import type { IssuedTemplate } from "../world/chain.ts";
import type { NodeWatcher } from "../world/simulated-nodes.ts";
import type { World } from "../world/world.ts";

/** A block a process has to take to every node. */
interface WatchedBlock {
  /** Its template; null when it was found by an earlier process. */
  readonly issued: IssuedTemplate | null;
  /** Virtual milliseconds. */
  readonly at: number;
  readonly attempted: Set<string>;
  readonly answered: Set<string>;
}

/** Time for a new process to read the files of its predecessor and to hand in what they hold, milliseconds. */
export const RESUME_MS = 10;
/** Blocks that are looked at; older ones were given up by the pool as well. */
const KEPT_BLOCKS = 500;

/** What one process does about blocks: its own, and those its predecessors left open. */
export class BlockWatch implements NodeWatcher {
  readonly #world: World;
  readonly #startedAt: number;
  readonly #open = new Map<string, WatchedBlock>();
  #finished: string[] = [];
  /** Handed in at the start, most without a share that found them. */
  readonly #resumed = new Set<string>();
  readonly #counted = new Set<string>();

  constructor(world: World) {
    this.#world = world;
    this.#startedAt = world.clock.monotonic();
  }

  /** Blocks that some node has not answered to, by hash (display order). */
  get open(): ReadonlyMap<string, WatchedBlock> {
    return this.#open;
  }

  /** Blocks that every node has answered to, each told once. */
  takeFinished(): string[] {
    const finished = this.#finished;
    this.#finished = [];
    return finished;
  }

  /** A block of an earlier process was read from its file; it may be one that this process has found by then. */
  addOpen(hash: string): void {
    if (!this.#open.has(hash) && !this.#resumed.has(hash)) this.add(hash, null);
  }

  /** A block has to be taken to the nodes. @param attempted nodes that were called already */
  add(hash: string, issued: IssuedTemplate | null, attempted: Iterable<string> = []): void {
    const at = this.#world.clock.monotonic();
    this.#open.set(hash, { issued, at, attempted: new Set(attempted), answered: new Set() });
    if (this.#open.size > KEPT_BLOCKS) this.#open.delete(this.#open.keys().next().value!);
  }

  onAttempt(node: string, hash: string): void {
    if (this.#world.clock.monotonic() <= this.#startedAt + RESUME_MS) this.#resumed.add(hash);
    this.#open.get(hash)?.attempted.add(node);
  }

  onAnswer(node: string, hash: string): void {
    this.#open.get(hash)?.answered.add(node);
  }

  /** The pool calls the block accepted. */
  onAccepted(hash: string): void {
    if (this.#counted.has(hash)) this.#world.violate("block-submitted", `${hash} was counted twice`);
    this.#counted.add(hash);
  }

  /** Every block whose transactions are at hand was taken to every node. @returns answers that are still missing */
  check(nodes: readonly { readonly name: string }[]): number {
    let missing = 0;
    for (const [hash, { issued, attempted, answered }] of this.#open) {
      const ready = issued === null || issued.state === "ready";
      for (const { name } of nodes) {
        if (!answered.has(name)) missing++;
        if (ready && !attempted.has(name))
          this.#world.violate("block-submitted", `${hash} did not go to ${name}`);
      }
      if (nodes.every(({ name }) => answered.has(name))) {
        this.#open.delete(hash);
        this.#finished.push(hash);
      }
    }
    return missing;
  }

  /**
   * What an earlier process left open was handed in again.
   *
   * @param before open at the start
   * @param now open still: a last write of the dead process may have closed some
   */
  checkResumed(before: readonly string[], now: readonly string[]): void {
    const open = new Set(now);
    for (const hash of before) {
      if (open.has(hash) && !this.#resumed.has(hash)) {
        this.#world.violate(
          "block-submitted",
          `${hash} was found before the restart and not handed in again`,
        );
      }
    }
    this.#resumed.clear();
  }
}
