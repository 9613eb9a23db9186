import type { Clock, Timer } from "@lode/ports";
import type { BlockVote } from "./block-votes.ts";
import { type FollowedBlock, NodeVotes, type NodeVotesDeps } from "./node-votes.ts";

/** What a {@link BlockFollower} needs. */
export interface BlockFollowerDeps extends NodeVotesDeps {
  readonly clock: Clock;
  /** What the nodes agree on; called for as long as the block is followed. */
  readonly onVerdict: (hash: string, verdict: BlockVote) => void;
}

/** Without a new tip the nodes are asked this often, milliseconds. */
const POLL_MS = 60_000;
/** Least time between two rounds, milliseconds. */
const PAUSE_MS = 1_000;
/** Blocks that are followed; beyond that the oldest is left to its file and the next start. */
const MOST_FOLLOWED = 1_000;
/** Blocks asked about in one round; the others have their turn in the next ones. */
const ROUND = 50;

/**
 * Follows found blocks by their hash, never by height, until somebody calls {@link forget}. Asks every node at each new tip and
 * once a minute, one round at a time. Without a node to ask, the tips that the template source shows are counted instead.
 */
export class BlockFollower {
  readonly #deps: BlockFollowerDeps;
  readonly #votes: NodeVotes;
  /** In the order of asking. */
  readonly #blocks = new Map<string, FollowedBlock & { tips: number }>();
  #timer: Timer | undefined;
  #asking = false;
  #stopped = false;

  constructor(deps: BlockFollowerDeps) {
    this.#deps = deps;
    this.#votes = new NodeVotes(deps);
  }

  follow({ hash, prevHash, height }: FollowedBlock): void {
    if (this.#blocks.has(hash)) return;
    this.#blocks.set(hash, { hash, prevHash, height, tips: 0 });
    if (this.#blocks.size > MOST_FOLLOWED) this.#blocks.delete(this.#blocks.keys().next().value!);
    this.#schedule(POLL_MS);
  }

  forget(hash: string): void {
    this.#blocks.delete(hash);
    if (this.#blocks.size === 0) this.#cancel();
  }

  /** The best chain has a new tip. @param hash display order, hex */
  onTip(hash: string): void {
    if (this.#deps.nodes.length > 0) {
      this.#cancel();
      this.#schedule(PAUSE_MS);
      return;
    }
    for (const block of [...this.#blocks.values()]) {
      if (block.hash === hash) continue;
      block.tips += 1;
      this.#deps.onVerdict(block.hash, { is: "inactive", buried: block.tips });
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #schedule(ms: number): void {
    if (this.#stopped || this.#asking || this.#timer !== undefined) return;
    if (this.#blocks.size === 0 || this.#deps.nodes.length === 0) return;
    this.#timer = this.#deps.clock.after(ms, () => {
      this.#timer = undefined;
      void this.#round();
    });
  }

  #cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #round(): Promise<void> {
    this.#asking = true;
    await this.#votes.begin();
    for (const block of [...this.#blocks.values()].slice(0, ROUND)) {
      // Behind the others, so that each has its turn.
      if (this.#stopped || !this.#blocks.delete(block.hash)) continue;
      this.#blocks.set(block.hash, block);
      const verdict = await this.#votes.verdict(block);
      const isFollowed = !this.#stopped && this.#blocks.has(block.hash);
      if (isFollowed && verdict !== undefined) this.#deps.onVerdict(block.hash, verdict);
    }
    this.#asking = false;
    this.#schedule(this.#blocks.size > ROUND ? PAUSE_MS : POLL_MS);
  }
}
