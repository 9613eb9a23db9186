import type { Channel, Instant } from "@lode/mining";
import { type ChannelHolder, IdleChannels } from "./idle-channels.ts";

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
  readonly #idle = new IdleChannels();

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

  /** Channels that do not earn, and may have to give way. */
  get idle(): number {
    return this.#idle.size;
  }

  /**
   * Whether there is room for another channel, and if not, which idle one may be closed for it.
   *
   * @returns true: there is; false: there is none to be had
   */
  roomFor(newcomer: ChannelHolder, now: Instant): boolean | Channel {
    const { block } = newcomer;
    if (block !== null && (this.#byBlock.get(block) ?? 0) >= this.#blockLimit) {
      return this.#idle.ofGreediestNeighbour(newcomer, now) ?? false;
    }
    if (this.size >= this.#limit) return this.#idle.ofGreediestBlock(newcomer, now) ?? false;
    return true;
  }

  add(channel: Channel, holder: ChannelHolder): void {
    this.#partOf(channel).add(channel);
    this.#count(channel, holder.block, 1);
  }

  /** Notes whether the channel earns; to be called once in a round. */
  review(channel: Channel, holder: ChannelHolder, now: Instant): void {
    this.#idle.review(channel, holder, now);
  }

  remove(channel: Channel, holder: ChannelHolder): void {
    this.#idle.remove(channel, holder);
    if (this.#partOf(channel).delete(channel)) this.#count(channel, holder.block, -1);
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
