import { DIFF1_WORK } from "@lode/bitcoin";

/** What a SubmitShares.Success says (SV2 5.3.13). */
export interface Acknowledgement {
  lastSequenceNumber: number;
  newSubmitsAcceptedCount: number;
  /** Sum of difficulties, u64; 0 when no whole difficulty has come together yet. */
  newSharesSum: bigint;
}

const U64_MAX = (1n << 64n) - 1n;

/**
 * Adds up what one channel is owed an answer for. Difficulties of single shares are not integers, so work is summed and
 * divided once per answer by the work of difficulty 1; the remainder goes into the next answer. Clients sum what they are
 * told, so the total told is always the true total without its fraction:
 * sum of works = {@link pendingWork} + 4295032833 · (sum of all `newSharesSum`), with pendingWork below 4295032833.
 */
export class AcknowledgementAccumulator {
  #count = 0;
  #lastSequenceNumber = 0;
  #work = 0n;
  /** Shares of equal work are counted and multiplied later: no BigInt is made per share. */
  #runWork = 0n;
  #runLength = 0;

  /** Shares waiting for an answer. */
  get count(): number {
    return this.#count;
  }

  /** Work that no answer has spoken of yet, remainder included. */
  get pendingWork(): bigint {
    return this.#work + this.#runWork * BigInt(this.#runLength);
  }

  /** @param work expected hashes of the share */
  add(sequenceNumber: number, work: bigint): void {
    this.#count++;
    this.#lastSequenceNumber = sequenceNumber;
    if (work !== this.#runWork) {
      this.#work = this.pendingWork;
      this.#runWork = work;
      this.#runLength = 0;
    }
    this.#runLength++;
  }

  /** The answer to everything added since the last one, undefined when there is nothing. */
  take(): Acknowledgement | undefined {
    if (this.#count === 0) return undefined;
    const pending = this.pendingWork;
    const difficulty = pending / DIFF1_WORK;
    const sum = difficulty > U64_MAX ? U64_MAX : difficulty;
    const answer = {
      lastSequenceNumber: this.#lastSequenceNumber,
      newSubmitsAcceptedCount: this.#count,
      newSharesSum: sum,
    };
    this.#work = pending - sum * DIFF1_WORK;
    this.#runLength = 0;
    this.#count = 0;
    return answer;
  }
}
