import { internalToDisplay } from "@lode/bitcoin";
import type { BlockRow, BlockState, BlockStore } from "@lode/ledger/blocks";
import type { BlockVote } from "./block-votes.ts";
import { NodeVotes, type NodeVotesDeps } from "./node-votes.ts";

/** What a {@link ConfirmationTracker} needs. */
export interface ConfirmationTrackerDeps extends NodeVotesDeps {
  readonly store: Pick<BlockStore, "open" | "move">;
}

/** A coinbase can be spent in the block at this depth and shows as mature there (COINBASE_MATURITY + 1). */
export const MATURE_DEPTH = 101;
/** A block off the best chain is called lost when so many blocks lie on top of its height. */
const LOST_DEPTH = 6;
/** Blocks that are lost are looked at until this depth: a reorganisation may bring them back. */
const BURIED_DEPTH = 100;
/** Blocks looked at in one round. */
const ROUND = 200;

/**
 * Follows recorded blocks by the votes of the nodes, whichever process found them, until they are mature or lost for good. Any
 * number of processes may do so: a row moves only from the state that was read.
 */
export class ConfirmationTracker {
  readonly #store: ConfirmationTrackerDeps["store"];
  readonly #votes: NodeVotes;

  constructor({ store, ...votes }: ConfirmationTrackerDeps) {
    this.#store = store;
    this.#votes = new NodeVotes(votes);
  }

  /** Asks about every open block once. @throws LedgerError */
  async round(): Promise<void> {
    const height = await this.#votes.begin();
    if (height === null) return;
    for (const block of await this.#store.open(height - BURIED_DEPTH, ROUND)) {
      const verdict = await this.#votes.verdict({
        hash: internalToDisplay(block.hash),
        prevHash: internalToDisplay(block.prevHash),
        height: block.height,
      });
      if (verdict === undefined) continue;
      const confirmations = verdict.is === "active" ? verdict.confirmations : -verdict.buried;
      await this.#store.move(block.hash, block.state, stateAfter(block, verdict), confirmations, "nodes");
    }
  }
}

/** The state that a verdict puts a block in. */
export function stateAfter(
  { state, activation }: Pick<BlockRow, "state" | "activation">,
  verdict: BlockVote,
): BlockState {
  if (verdict.is === "active") return verdict.confirmations >= MATURE_DEPTH ? "mature" : "active";
  if (state === "rejected") return "rejected";
  if (verdict.buried >= LOST_DEPTH) return activation > 0 ? "orphaned" : "stale";
  // Off the best chain, and not yet for good.
  return state === "candidate" ? "candidate" : "submitted";
}
