import type { Channel, Instant } from "@lode/mining";
import { Ranking } from "./ranking.ts";

/** A channel that has never earned anything is idle after this, milliseconds: vardiff needs a minute to find a target. */
const NEVER_EARNED_MS = 120_000;
/** One that has is idle after this: slow machines at the easiest target may take as long. */
const EARNED_ONCE_MS = 3_600_000;

/** Who has a channel, or asks for one. */
export interface ChannelHolder {
  readonly connectionId: number;
  /** Address block; null: its channels are not counted together, and never give way. */
  readonly block: string | null;
}

/** Idle channels of one address block, by connection, the longest idle first. */
type BlockHoldings = Map<number, Set<Channel>>;

/**
 * Channels that do not earn, and who holds how many. Where channels are full, one of whoever holds the most gives way to a
 * newcomer who holds fewer: channels that are opened and kept without work keep nobody out who works.
 */
export class IdleChannels {
  readonly #blocks = new Map<string, BlockHoldings>();
  /** Blocks by how many idle channels they hold. */
  readonly #ranking = new Ranking<string>();

  /** Idle channels. */
  get size(): number {
    return this.#ranking.total;
  }

  /** Looks at a channel again; to be called now and then. */
  review(channel: Channel, { connectionId, block }: ChannelHolder, now: Instant): void {
    if (block === null) return;
    if (isIdle(channel, now)) this.#add(channel, connectionId, block);
    else this.remove(channel, { connectionId, block });
  }

  /** The channel is closed, or earns. */
  remove(channel: Channel, { connectionId, block }: ChannelHolder): void {
    if (block === null) return;
    const connections = this.#blocks.get(block);
    const channels = connections?.get(connectionId);
    if (!channels?.delete(channel)) return;
    this.#ranking.lower(block);
    if (channels.size > 0) return;
    connections!.delete(connectionId);
    if (connections!.size === 0) this.#blocks.delete(block);
  }

  /** The channel that gives way where channels are full in all; undefined: none does. */
  ofGreediestBlock(newcomer: ChannelHolder, now: Instant): Channel | undefined {
    return this.#firstIdle(now, () => {
      const block = this.#ranking.greatest;
      const own = newcomer.block === null ? 0 : this.#ranking.countOf(newcomer.block);
      if (block === undefined || this.#ranking.countOf(block) <= own) return undefined;
      return this.#longestOf(block, 0);
    });
  }

  /** The channel that gives way where the newcomer's own block is full; undefined: none does. */
  ofGreediestNeighbour({ connectionId, block }: ChannelHolder, now: Instant): Channel | undefined {
    if (block === null) return undefined;
    return this.#firstIdle(now, () =>
      this.#longestOf(block, this.#blocks.get(block)?.get(connectionId)?.size ?? 0),
    );
  }

  /** The longest idle channel of the connection with the most of them, in a block, if it has more than `own`. */
  #longestOf(block: string, own: number): Found | undefined {
    let most: readonly [number, ReadonlySet<Channel>] | undefined;
    for (const held of this.#blocks.get(block) ?? []) {
      if (held[1].size > (most?.[1].size ?? own)) most = held;
    }
    if (most === undefined) return undefined;
    const [connectionId, channels] = most;
    const [channel] = channels;
    return { channel: channel!, holder: { connectionId, block } };
  }

  /** What was idle when it was looked at may have earned since. */
  #firstIdle(now: Instant, find: () => Found | undefined): Channel | undefined {
    for (let found = find(); found !== undefined; found = find()) {
      if (isIdle(found.channel, now)) return found.channel;
      this.remove(found.channel, found.holder);
    }
    return undefined;
  }

  #add(channel: Channel, connectionId: number, block: string): void {
    const connections = getOrMake(this.#blocks, block, () => new Map<number, Set<Channel>>());
    const channels = getOrMake(connections, connectionId, () => new Set<Channel>());
    if (channels.has(channel)) return;
    channels.add(channel);
    this.#ranking.raise(block);
  }
}

interface Found {
  readonly channel: Channel;
  readonly holder: ChannelHolder;
}

function isIdle({ account, lastEarnedAt }: Channel, now: Instant): boolean {
  return now.monotonic - lastEarnedAt >= (account.accepted === 0 ? NEVER_EARNED_MS : EARNED_ONCE_MS);
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
