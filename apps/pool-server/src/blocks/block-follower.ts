import type { Clock, Logger, Timer } from "@lode/ports";
import type { BlockNode } from "./block-node.ts";
import { type BlockVote, type NodeAnswers, verdictOf } from "./block-votes.ts";

/** A block that is followed, by its hash. Hashes in display order, hex. */
export interface FollowedBlock {
  readonly hash: string;
  readonly prevHash: string;
  readonly height: number;
}

/** What a {@link BlockFollower} needs. */
export interface BlockFollowerDeps {
  readonly nodes: readonly Pick<BlockNode, "name" | "confirmations" | "syncedHeight">[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nodes that must agree; at most as many as there are. */
  readonly confirmNodes: number;
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
  /** In the order of asking. */
  readonly #blocks = new Map<string, FollowedBlock & { tips: number }>();
  #timer: Timer | undefined;
  #asking = false;
  #stopped = false;

  constructor(deps: BlockFollowerDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#blocks.size;
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
    const heights = await Promise.all(
      this.#deps.nodes.map((node) => this.#ask(node, () => node.syncedHeight())),
    );
    for (const block of [...this.#blocks.values()].slice(0, ROUND)) {
      // Behind the others, so that each has its turn.
      if (this.#stopped || !this.#blocks.delete(block.hash)) continue;
      this.#blocks.set(block.hash, block);
      const answers = await Promise.all(
        this.#deps.nodes.map((node, index) => this.#answers(node, block, heights[index] ?? null)),
      );
      if (!this.#stopped && this.#blocks.has(block.hash)) this.#judge(block, answers);
    }
    this.#asking = false;
    this.#schedule(this.#blocks.size > ROUND ? PAUSE_MS : POLL_MS);
  }

  #judge(block: FollowedBlock, answers: readonly NodeAnswers[]): void {
    const needed = Math.min(this.#deps.confirmNodes, this.#deps.nodes.length);
    const verdict = verdictOf(answers, block.height, needed);
    if (verdict !== undefined) this.#deps.onVerdict(block.hash, verdict);
  }

  async #answers(
    node: BlockFollowerDeps["nodes"][number],
    { hash, prevHash }: FollowedBlock,
    syncedHeight: number | null,
  ): Promise<NodeAnswers> {
    if (syncedHeight === null) return { syncedHeight, block: undefined, previous: undefined };
    const none = { syncedHeight: null, block: undefined, previous: undefined };
    const block = await this.#ask(node, () => node.confirmations(hash));
    if (block === null) return none;
    if (block !== undefined && block >= 1) return { syncedHeight, block, previous: undefined };
    const previous = await this.#ask(node, () => node.confirmations(prevHash));
    return previous === null ? none : { syncedHeight, block, previous };
  }

  /** Null where the node does not answer. */
  async #ask<T>(node: { readonly name: string }, question: () => Promise<T>): Promise<T | null> {
    try {
      return await question();
    } catch (err) {
      this.#deps.logger.debug({ node: node.name, err }, "a node has no vote on found blocks now");
      return null;
    }
  }
}
