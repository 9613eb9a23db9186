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

  /**
   * @param limit channels in all
   * @param parts steps in a round
   */
  constructor(limit: number, parts: number) {
    this.#limit = limit;
    this.#parts = Array.from({ length: parts }, () => new Set());
  }

  get standard(): number {
    return this.#standard;
  }

  get extended(): number {
    return this.#extended;
  }

  get full(): boolean {
    return this.#standard + this.#extended >= this.#limit;
  }

  add(channel: Channel): void {
    this.#partOf(channel).add(channel);
    this.#count(channel, 1);
  }

  remove(channel: Channel): void {
    if (this.#partOf(channel).delete(channel)) this.#count(channel, -1);
  }

  /** The channels of the next step. */
  next(): ReadonlySet<Channel> {
    this.#step = (this.#step + 1) % this.#parts.length;
    return this.#parts[this.#step]!;
  }

  #count(channel: Channel, change: number): void {
    if (channel.kind === "standard") this.#standard += change;
    else this.#extended += change;
  }

  #partOf(channel: Channel): Set<Channel> {
    return this.#parts[(channel.connectionId + channel.id) % this.#parts.length]!;
  }
}
