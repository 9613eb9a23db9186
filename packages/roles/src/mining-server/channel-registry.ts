import type { Channel } from "@lode/mining";

/**
 * Every open channel of the server. Visits each once in a round, spread evenly: a step yields one part of them, so that a
 * farm's channels, opened together, are not looked at together.
 */
export class ChannelRegistry {
  readonly #limit: number;
  readonly #parts: Set<Channel>[];
  #step = 0;
  #standard = 0;
  #extended = 0;
  readonly #blockLimit: number;
  /** Channels by address block; blocks without any are forgotten. */
  readonly #byBlock = new Map<string, number>();

  /**
   * @param limit channels in all
   * @param blockLimit channels of one address block
   * @param parts steps in a round
   */
  constructor(limit: number, blockLimit: number, parts: number) {
    this.#limit = limit;
    this.#blockLimit = blockLimit;
    this.#parts = Array.from({ length: parts }, () => new Set());
  }

  get standard(): number {
    return this.#standard;
  }

  get extended(): number {
    return this.#extended;
  }

  /** Channels of both kinds. */
  get size(): number {
    return this.#standard + this.#extended;
  }

  /** Whether a cap keeps a block from another channel. @param block null: one that has no cap of its own */
  isFull(block: string | null): boolean {
    if (this.size >= this.#limit) return true;
    return block !== null && (this.#byBlock.get(block) ?? 0) >= this.#blockLimit;
  }

  add(channel: Channel, block: string | null): void {
    this.#partOf(channel).add(channel);
    this.#count(channel, block, 1);
  }

  remove(channel: Channel, block: string | null): void {
    if (this.#partOf(channel).delete(channel)) this.#count(channel, block, -1);
  }

  /** The channels of the next step. */
  next(): ReadonlySet<Channel> {
    this.#step = (this.#step + 1) % this.#parts.length;
    return this.#parts[this.#step]!;
  }

  #count(channel: Channel, block: string | null, change: number): void {
    if (channel.kind === "standard") this.#standard += change;
    else this.#extended += change;
    if (block === null) return;
    const channels = (this.#byBlock.get(block) ?? 0) + change;
    if (channels === 0) this.#byBlock.delete(block);
    else this.#byBlock.set(block, channels);
  }

  #partOf(channel: Channel): Set<Channel> {
    return this.#parts[(channel.connectionId + channel.id) % this.#parts.length]!;
  }
}
