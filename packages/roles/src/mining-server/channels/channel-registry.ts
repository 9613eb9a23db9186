import type { Channel, Instant } from "@lode/mining";
import { ChannelCounts } from "./channel-counts.ts";

/** A channel without an accepted share for so long is idle; slow machines at the easiest target may take as long. */
const EARNING_MS = 3_600_000;

/** Who has a channel, or asks for one. */
export interface ChannelHolder {
  /** Subnet; null: its channels are not counted together. */
  readonly subnet: string | null;
  /** Of the connection; kept by the {@link ChannelRegistry}. */
  readonly counts: ChannelCounts;
}

/** How many channels there may be. */
export interface ChannelLimits {
  readonly maxChannels: number;
  readonly maxChannelsPerSubnet: number;
}

/**
 * Every open channel of the server. Visits each once in a round, spread evenly: a step yields one part of them, so that a
 * farm's channels, opened together, are not looked at together.
 */
export class ChannelRegistry {
  readonly #limits: ChannelLimits;
  readonly #parts: Set<Channel>[];
  #step = 0;
  #standard = 0;
  /** Channels that earn. */
  readonly #earning = new Set<Channel>();
  readonly #all = new ChannelCounts();
  /** By subnet; subnets without any channel are forgotten. */
  readonly #subnets = new Map<string, ChannelCounts>();

  /** @param parts steps in a round */
  constructor(limits: ChannelLimits, parts: number) {
    this.#limits = limits;
    this.#parts = Array.from({ length: parts }, () => new Set());
  }

  get standard(): number {
    return this.#standard;
  }

  get extended(): number {
    return this.#all.channels - this.#standard;
  }

  /** Channels that bring no work. */
  get idle(): number {
    return this.#all.idle;
  }

  /**
   * Why there is no room for another channel; undefined when there is. Where as many channels are idle as are free, the free
   * ones are for those who work or hold few: whoever hoards takes half of what workers leave, and the other half is for others.
   * In all, holders are the subnets, where a connection gets its first channel all the same: a hoarder's neighbours are
   * not hoarders. In a subnet, holders are its connections.
   */
  fullFor({ subnet, counts }: ChannelHolder): string | undefined {
    const { maxChannels, maxChannelsPerSubnet } = this.#limits;
    const free = maxChannels - this.#all.channels;
    if (free <= 0) return "max_channels is reached";
    if (subnet === null) return undefined;
    const held = this.#subnets.get(subnet) ?? NOTHING;
    const freeInSubnet = maxChannelsPerSubnet - held.channels;
    if (freeInSubnet <= 0) return "max_channels_per_subnet is reached";
    if (this.#all.idle >= free && held.excessIdle >= 0 && counts.channels > 0) {
      return "max_channels is near, and the subnet holds many channels without work";
    }
    if (held.idle >= freeInSubnet && counts.excessIdle >= 0) {
      return "max_channels_per_subnet is near, and the connection holds many channels without work";
    }
    return undefined;
  }

  add(channel: Channel, holder: ChannelHolder): void {
    this.#partOf(channel).add(channel);
    this.#count(channel, holder, 1);
  }

  /** A share of the channel was accepted. */
  onEarned(channel: Channel, holder: ChannelHolder): void {
    if (this.#earning.has(channel)) return;
    this.#earning.add(channel);
    for (const counts of this.#concerned(holder)) counts.earning++;
  }

  /** Notes that a channel earns no more; to be called once in a round. */
  review(channel: Channel, holder: ChannelHolder, now: Instant): void {
    if (now.monotonic - channel.lastEarnedAt >= EARNING_MS) this.#stopEarning(channel, holder);
  }

  remove(channel: Channel, holder: ChannelHolder): void {
    if (!this.#partOf(channel).delete(channel)) return;
    this.#stopEarning(channel, holder);
    this.#count(channel, holder, -1);
  }

  /** The channels of the next step. */
  next(): ReadonlySet<Channel> {
    this.#step = (this.#step + 1) % this.#parts.length;
    return this.#parts[this.#step]!;
  }

  #stopEarning(channel: Channel, holder: ChannelHolder): void {
    if (!this.#earning.delete(channel)) return;
    for (const counts of this.#concerned(holder)) counts.earning--;
  }

  #count(channel: Channel, holder: ChannelHolder, change: 1 | -1): void {
    const { subnet } = holder;
    if (channel.kind === "standard") this.#standard += change;
    if (subnet !== null && !this.#subnets.has(subnet)) this.#subnets.set(subnet, new ChannelCounts());
    for (const counts of this.#concerned(holder)) counts.channels += change;
    if (subnet !== null && this.#subnets.get(subnet)!.channels === 0) this.#subnets.delete(subnet);
  }

  /** Whose channels a holder's are. */
  #concerned({ subnet, counts }: ChannelHolder): ChannelCounts[] {
    const concerned = [this.#all, counts];
    const ofSubnet = subnet === null ? undefined : this.#subnets.get(subnet);
    return ofSubnet === undefined ? concerned : [...concerned, ofSubnet];
  }

  #partOf(channel: Channel): Set<Channel> {
    return this.#parts[(channel.connectionId + channel.id) % this.#parts.length]!;
  }
}

const NOTHING: Readonly<ChannelCounts> = new ChannelCounts();
