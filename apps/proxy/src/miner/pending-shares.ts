/** A share that was handed in upstream and has no answer. */
export interface PendingShare {
  readonly sequenceNumber: number;
  /** JSON text of the miner's request; null for a share nobody waits for. */
  readonly id: string | null;
  /** Monotonic milliseconds. */
  readonly at: number;
  /** Of its job. */
  readonly difficulty: number;
}

/** The shares of a channel that wait for the pool's answer, oldest first. */
export class PendingShares {
  #shares: PendingShare[] = [];

  get size(): number {
    return this.#shares.length;
  }

  /** When the oldest was handed in; undefined without one. */
  get oldestAt(): number | undefined {
    return this.#shares[0]?.at;
  }

  add(share: PendingShare): void {
    this.#shares.push(share);
  }

  /** Those that SubmitShares.Success answers: up to and with `lastSequenceNumber` (SV2 5.3.13). */
  takeThrough(lastSequenceNumber: number): PendingShare[] {
    // Numbers wrap around; none is further behind than half of all numbers.
    const isBehind = ({ sequenceNumber }: PendingShare) =>
      (lastSequenceNumber - sequenceNumber) >>> 0 < 2 ** 31;
    let count = 0;
    while (count < this.#shares.length && isBehind(this.#shares[count]!)) count += 1;
    return this.#shares.splice(0, count);
  }

  /** The one that SubmitShares.Error names; undefined when it is not waiting. */
  take(sequenceNumber: number): PendingShare | undefined {
    const index = this.#shares.findIndex((share) => share.sequenceNumber === sequenceNumber);
    return index < 0 ? undefined : this.#shares.splice(index, 1)[0];
  }

  takeAll(): PendingShare[] {
    return this.#shares.splice(0);
  }
}
