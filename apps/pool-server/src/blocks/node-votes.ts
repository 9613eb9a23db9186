import type { Logger } from "@lode/ports";
import type { BlockNode } from "./block-node.ts";
import { type BlockVote, type NodeAnswers, verdictOf } from "./block-votes.ts";

/** A block that is followed, by its hash. Hashes in display order, hex. */
export interface FollowedBlock {
  readonly hash: string;
  readonly prevHash: string;
  readonly height: number;
}

/** What a {@link NodeVotes} needs. */
export interface NodeVotesDeps {
  readonly nodes: readonly Pick<BlockNode, "name" | "confirmations" | "syncedHeight">[];
  /** Nodes that must agree; at most as many as there are. */
  readonly confirmNodes: number;
  readonly logger: Logger;
}

/** Asks every node what it thinks of found blocks. A node that does not answer, or is catching up, has no vote. */
export class NodeVotes {
  readonly #deps: NodeVotesDeps;
  /** By node, of the round under way. */
  #heights: readonly (number | null)[] = [];

  constructor(deps: NodeVotesDeps) {
    this.#deps = deps;
  }

  /** Begins a round. @returns the highest of the nodes' heights; null when none has a vote */
  async begin(): Promise<number | null> {
    this.#heights = await Promise.all(
      this.#deps.nodes.map((node) => this.#ask(node, () => node.syncedHeight())),
    );
    const known = this.#heights.filter((height) => height !== null);
    return known.length === 0 ? null : Math.max(...known);
  }

  /** What enough nodes agree on in this round; undefined when they do not. */
  async verdict(block: FollowedBlock): Promise<BlockVote | undefined> {
    const answers = await Promise.all(
      this.#deps.nodes.map((node, index) => this.#answers(node, block, this.#heights[index] ?? null)),
    );
    return verdictOf(answers, block.height, Math.min(this.#deps.confirmNodes, this.#deps.nodes.length));
  }

  async #answers(
    node: NodeVotesDeps["nodes"][number],
    { hash, prevHash }: FollowedBlock,
    syncedHeight: number | null,
  ): Promise<NodeAnswers> {
    const none = { syncedHeight: null, block: undefined, previous: undefined };
    if (syncedHeight === null) return none;
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
