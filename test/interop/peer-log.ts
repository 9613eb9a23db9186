import { type Counts, countIn } from "./counts.ts";

/** What a peer says it got from the pool, read from the lines it prints. */
export interface PeerCounts {
  /** Shares the pool accepted, as the peer was told. */
  readonly accepted: number;
  /** Answers with an error, by code. */
  readonly rejected: Counts;
  /** Lines of those answers that are not to a share that left before the peer had heard of a new tip. */
  readonly unexplained: readonly string[];
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
/** Where a line does not say which share it is about: how long after a tip a share of the old one may be answered. */
const LATE_MS = 5_000;

/** Counts a peer's lines. */
export class PeerLog implements PeerCounts {
  accepted = 0;
  readonly rejected: Record<string, number> = {};
  readonly unexplained: string[] = [];
  readonly withheld: Record<string, number> = {};
  jobs = 0;
  tips = 0;
  easier = 0;
  harder = 0;
  updates = 0;
  readonly troubles: string[] = [];
  /** By channel, most significant byte first. */
  readonly #targets = new Map<string, string>();

  /** How many tips the peer knew when it handed in each share of a channel. */
  readonly #tipsAtShare = new Map<string, number[]>();
  #lastTipAt = Number.NEGATIVE_INFINITY;

  tip(): void {
    this.tips++;
    this.#lastTipAt = performance.now();
  }

  /** A share was handed in. */
  share(channel: string): void {
    const shares = this.#tipsAtShare.get(channel);
    if (shares === undefined) this.#tipsAtShare.set(channel, [this.tips]);
    else shares.push(this.tips);
  }

  /** @param share which one it was; the first of a channel is 0. undefined when the peer does not say */
  reject(line: string, code: string, share?: { readonly channel: string; readonly index: number }): void {
    countIn(this.rejected, code);
    const tipsThen = share && this.#tipsAtShare.get(share.channel)?.[share.index];
    const late =
      share === undefined
        ? performance.now() - this.#lastTipAt < LATE_MS
        : tipsThen !== undefined && tipsThen < this.tips;
    if (code !== "stale-share" || !late) keep(this.unexplained, line);
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
    keep(this.troubles, line);
  }
}

function keep(lines: string[], line: string): void {
  lines.push(line.slice(0, 400));
  if (lines.length > KEPT_TROUBLES) lines.shift();
}
