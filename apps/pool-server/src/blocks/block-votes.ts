/** What one node says of a block: on its best chain, or off it with so many blocks on top of its height. */
export type BlockVote =
  | { readonly is: "active"; readonly confirmations: number }
  | { readonly is: "inactive"; readonly buried: number };

/** What one node was asked. `undefined` confirmations: the node does not know the header. */
export interface NodeAnswers {
  /** Height of the node's best chain; null while it is catching up. */
  readonly syncedHeight: number | null;
  readonly block: number | undefined;
  /** The same of the block before it; asked only where the block itself is not on the best chain. */
  readonly previous: number | undefined;
}

/** A node this far behind the highest one has no vote, blocks. */
const BEHIND = 2;

/**
 * A node's vote on a block. An unknown header alone is no vote: the node may not have it yet. It becomes one where the block
 * before it is buried: then the node's best chain went on without ours.
 *
 * @param height of the block
 * @returns undefined for a node that cannot tell
 */
export function voteOf(answers: NodeAnswers, height: number): BlockVote | undefined {
  const { syncedHeight, block, previous } = answers;
  if (syncedHeight === null) return undefined;
  if (block !== undefined && block >= 1) return { is: "active", confirmations: block };
  if (previous !== undefined && previous >= 1) return { is: "inactive", buried: previous - 1 };
  // Neither it nor the one before it is on the best chain: what matters is how far that chain has gone.
  if (block !== undefined || previous !== undefined) {
    return { is: "inactive", buried: Math.max(0, syncedHeight - height + 1) };
  }
  return undefined;
}

/**
 * What the nodes say together: at least `needed` of them, and none that is in sync says otherwise. The least of their
 * figures counts.
 *
 * @returns undefined while they are too few or disagree
 */
export function verdictOf(
  answers: readonly NodeAnswers[],
  height: number,
  needed: number,
): BlockVote | undefined {
  const highest = Math.max(0, ...answers.map(({ syncedHeight }) => syncedHeight ?? 0));
  const votes = answers
    .filter(({ syncedHeight }) => syncedHeight !== null && syncedHeight > highest - BEHIND)
    .flatMap((answer) => voteOf(answer, height) ?? []);
  const [first] = votes;
  if (first === undefined || votes.length < needed) return undefined;
  if (votes.some(({ is }) => is !== first.is)) return undefined;
  return votes.reduce((least, vote) => (figure(vote) < figure(least) ? vote : least));
}

function figure(vote: BlockVote): number {
  return vote.is === "active" ? vote.confirmations : vote.buried;
}
