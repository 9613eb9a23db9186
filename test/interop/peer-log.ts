import { type Counts, countIn } from "./counts.ts";

/** What a peer says it got from the pool, read from the lines it prints. */
export interface PeerCounts {
  /** Shares the pool accepted, as the peer was told. */
  readonly accepted: number;
  /** Answers with an error, by code. */
  readonly rejected: Counts;
  /** Shares the peer itself did not hand on, by its reason. */
  readonly withheld: Counts;
  readonly jobs: number;
  readonly tips: number;
  /** SetTarget with an easier and with a harder target than the channel's last. */
  readonly easier: number;
  readonly harder: number;
  /** UpdateChannel sent. */
  readonly updates: number;
  /** Lines of level ERROR, and of level WARN that are none of the above; the latest only. */
  readonly troubles: readonly string[];
}

const KEPT_TROUBLES = 200;

/** Counts a peer's lines. */
export class PeerLog implements PeerCounts {
  accepted = 0;
  readonly rejected: Record<string, number> = {};
  readonly withheld: Record<string, number> = {};
  jobs = 0;
  tips = 0;
  easier = 0;
  harder = 0;
  updates = 0;
  readonly troubles: string[] = [];
  /** By channel, most significant byte first. */
  readonly #targets = new Map<string, string>();

  reject(code: string): void {
    countIn(this.rejected, code);
  }

  withhold(reason: string): void {
    countIn(this.withheld, reason);
  }

  /** A target of a channel, hexadecimal, most significant byte first. */
  target(channel: string, target: string): void {
    const last = this.#targets.get(channel);
    if (last !== undefined && target > last) this.easier++;
    if (last !== undefined && target < last) this.harder++;
    this.#targets.set(channel, target);
  }

  trouble(line: string): void {
    this.troubles.push(line.slice(0, 400));
    if (this.troubles.length > KEPT_TROUBLES) this.troubles.shift();
  }
}
