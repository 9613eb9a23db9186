/** A checkpoint after every so many slices: fifty a window of 2,000. */
export const CHECKPOINT_EVERY = 40;
/**
 * Checkpoints add up from the start of their era. A new one starts with nobody in it, so accounts that left long ago are
 * not carried on for ever.
 */
export const ERA_SLICES = 2_000;

/** What is read for a range of slices. Each is added (sign 1) or taken away (sign -1). */
export interface CreditReads {
  readonly checkpoints: readonly { readonly seq: number; readonly sign: 1 | -1 }[];
  readonly slices: readonly { readonly seq: number; readonly sign: 1 | -1 }[];
}

/** True when a checkpoint follows this slice. */
export function endsCheckpoint(seq: number): boolean {
  return seq % CHECKPOINT_EVERY === CHECKPOINT_EVERY - 1;
}

/** First slice of the era that `seq` belongs to. */
export function eraStart(seq: number): number {
  return Math.floor(seq / ERA_SLICES) * ERA_SLICES;
}

/**
 * Chooses what is read to sum the slices `from` … `to`: differences of checkpoints, and at most half an interval of single
 * slices at either end.
 *
 * @param lastCheckpoint the newest slice with a checkpoint, -1 for none; all before it are there
 */
export function planReads(from: number, to: number, lastCheckpoint: number): CreditReads {
  const checkpoints = new Map<number, number>();
  const slices = new Map<number, number>();
  const count = (where: Map<number, number>, seq: number, sign: number) =>
    where.set(seq, (where.get(seq) ?? 0) + sign);
  /** From the start of its era up to and including `seq`. */
  const upTo = (seq: number, sign: 1 | -1) => {
    const start = eraStart(seq);
    const before = Math.min(newestCheckpointAt(seq), newestCheckpointAt(lastCheckpoint));
    const after = newestCheckpointAt(seq) + CHECKPOINT_EVERY;
    if (after <= lastCheckpoint && after - seq < seq - before && eraStart(after) === start) {
      count(checkpoints, after, sign);
      for (let at = seq + 1; at <= after; at++) count(slices, at, -sign);
      return;
    }
    if (before >= start) count(checkpoints, before, sign);
    for (let at = Math.max(start, before + 1); at <= seq; at++) count(slices, at, sign);
  };
  for (let start = eraStart(from); start <= to; start += ERA_SLICES) {
    upTo(Math.min(to, start + ERA_SLICES - 1), 1);
  }
  if (from > eraStart(from)) upTo(from - 1, -1);
  return { checkpoints: signed(checkpoints), slices: signed(slices) };
}

function newestCheckpointAt(seq: number): number {
  return Math.floor((seq + 1) / CHECKPOINT_EVERY) * CHECKPOINT_EVERY - 1;
}

/** Additions first, so that nothing falls below 0 on the way. */
function signed(counts: ReadonlyMap<number, number>): { seq: number; sign: 1 | -1 }[] {
  return [...counts]
    .filter(([, sign]) => sign !== 0)
    .map(([seq, sign]) => ({ seq, sign: sign > 0 ? (1 as const) : (-1 as const) }))
    .sort((a, b) => b.sign - a.sign || a.seq - b.seq);
}
