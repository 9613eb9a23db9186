import type { mining } from "@lode/protocol";

/** A share on its way, and when it left. */
interface OpenShare {
  readonly jobId: number;
  /** SetNewPrevHash messages its channel had had when it was found. */
  readonly tips: number;
  readonly sentAt: number;
}

/** What one channel handed in and what the pool made of it. Every answer is held against what was sent. */
export class ShareBook {
  sent = 0;
  accepted = 0;
  /** Difficulty credited, as the pool says. */
  credited = 0n;
  /** Refusals by code that have no excuse. */
  readonly refused = new Map<string, number>();
  /** Refused because of a tip that the channel had meanwhile left itself. */
  overtaken = 0;
  /** Longest time from a share to its answer, milliseconds. */
  slowestMs = 0;
  readonly #open = new Map<number, OpenShare>();
  readonly #violate: (text: string) => void;

  constructor(violate: (text: string) => void) {
    this.#violate = violate;
  }

  /** Shares without an answer. */
  get unanswered(): number {
    return this.#open.size;
  }

  onSent(sequenceNumber: number, share: OpenShare): void {
    this.sent++;
    this.#open.set(sequenceNumber, share);
  }

  /** SV2 5.3.13: everything up to the last sequence number that was not refused is accepted; the count must say so. */
  onSuccess(answer: mining.SubmitSharesSuccess, now: number): void {
    const { lastSequenceNumber, newSubmitsAcceptedCount, newSharesSum } = answer;
    if (!this.#open.has(lastSequenceNumber)) {
      this.#violate(`SubmitShares.Success names share ${lastSequenceNumber}, which is not open`);
    }
    let answered = 0;
    for (const [sequenceNumber, { sentAt }] of this.#open) {
      if (sequenceNumber > lastSequenceNumber) break;
      this.#open.delete(sequenceNumber);
      this.slowestMs = Math.max(this.slowestMs, now - sentAt);
      answered++;
    }
    if (answered !== newSubmitsAcceptedCount) {
      this.#violate(`SubmitShares.Success counts ${newSubmitsAcceptedCount} shares, ${answered} were open`);
    }
    this.accepted += newSubmitsAcceptedCount;
    this.credited += newSharesSum;
  }

  /**
   * A tip that came while a share was under way is an excuse for `stale-share`; two of them are one for `invalid-job-id`, since a
   * server need not remember the jobs of the tip before the last.
   *
   * @param tips SetNewPrevHash messages the channel has had by now
   */
  onError({ sequenceNumber, errorCode }: mining.SubmitSharesError, tips: number, now: number): void {
    const share = this.#open.get(sequenceNumber);
    if (share === undefined) {
      this.#violate(`SubmitShares.Error names share ${sequenceNumber}, which is not open`);
      return;
    }
    this.#open.delete(sequenceNumber);
    this.slowestMs = Math.max(this.slowestMs, now - share.sentAt);
    const overtakenBy = tips - share.tips;
    if (errorCode === "stale-share" ? overtakenBy > 0 : errorCode === "invalid-job-id" && overtakenBy > 1) {
      this.overtaken++;
      return;
    }
    this.refused.set(errorCode, (this.refused.get(errorCode) ?? 0) + 1);
  }
}
