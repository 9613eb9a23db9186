import type { ShareErrorCode } from "./share.ts";

/** What became of one channel's shares. For logs, metrics and displays; money is counted from the records. */
export interface ChannelAccountView {
  readonly accepted: number;
  /** Expected hashes of what was accepted. */
  readonly work: number;
  /** Refused shares by code; codes that did not occur are missing. */
  readonly rejected: ReadonlyMap<ShareErrorCode, number>;
  /** Headers that met the network's target, refused shares included. */
  readonly blocks: number;
  /** Wall clock, milliseconds; 0 before the first. */
  readonly lastAcceptedAt: number;
}

const NOTHING: ReadonlyMap<ShareErrorCode, number> = new Map();

/** Keeps the figures of one channel. */
export class ChannelAccount implements ChannelAccountView {
  accepted = 0;
  work = 0;
  blocks = 0;
  lastAcceptedAt = 0;
  /** Undefined until the first refusal, that is, in most channels for ever. */
  #rejected: Map<ShareErrorCode, number> | undefined;

  get rejected(): ReadonlyMap<ShareErrorCode, number> {
    return this.#rejected ?? NOTHING;
  }

  /** @param expectedHashes of the target it was judged by. @param now wall clock */
  onAccepted(expectedHashes: number, now: number): void {
    this.accepted++;
    this.work += expectedHashes;
    this.lastAcceptedAt = now;
  }

  onRejected(code: ShareErrorCode): void {
    this.#rejected ??= new Map();
    this.#rejected.set(code, (this.#rejected.get(code) ?? 0) + 1);
  }

  onBlock(): void {
    this.blocks++;
  }
}
