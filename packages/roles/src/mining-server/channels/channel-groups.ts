import type { Channel, Payee } from "@lode/mining";
import { GROUP_CHANNEL_ID } from "../settings.ts";

/** Channels of one connection that can be given one job together: their blocks pay the same scripts. */
export class ChannelGroup {
  readonly id: number;
  readonly #channels: ReadonlyMap<number, Channel>;

  constructor(id: number, channels: ReadonlyMap<number, Channel>) {
    this.id = id;
    this.#channels = channels;
  }

  get size(): number {
    return this.#channels.size;
  }

  [Symbol.iterator](): IterableIterator<Channel> {
    return this.#channels.values();
  }

  /** Whether any channel is like that. */
  some(is: (channel: Channel) => boolean): boolean {
    for (const channel of this) if (is(channel)) return true;
    return false;
  }
}

/** A group that channels come to and leave. */
interface OwnGroup {
  readonly group: ChannelGroup;
  readonly channels: Map<number, Channel>;
}

/** The groups of a connection that has had several. */
interface Several {
  readonly byPayee: Map<Payee, OwnGroup>;
  readonly byId: Map<number, ChannelGroup>;
}

/**
 * The groups of a connection, one for each payee; the first payee's is {@link GROUP_CHANNEL_ID}, which costs nothing while it
 * is the only one.
 */
export class ChannelGroups {
  /** All channels of the connection; the caller's. */
  readonly #all: ReadonlyMap<number, Channel>;
  #first: Payee | undefined;
  #whole: ChannelGroup | undefined;
  /** The first one's too; undefined until a second payee comes. */
  #several: Several | undefined;

  constructor(all: ReadonlyMap<number, Channel>) {
    this.#all = all;
  }

  /** Payees of the connection's channels. */
  get payees(): number {
    return this.#several?.byPayee.size ?? Math.min(1, this.#all.size);
  }

  has(payee: Payee): boolean {
    return this.#several?.byPayee.has(payee) ?? (payee === this.#first && this.#all.size > 0);
  }

  /** The group a channel belongs to. */
  of({ payee }: Channel): ChannelGroup {
    return this.#several?.byPayee.get(payee)?.group ?? this.#wholeGroup();
  }

  /** The group with this id, unless it is empty. */
  get(groupId: number): ChannelGroup | undefined {
    if (this.#several !== undefined) return this.#several.byId.get(groupId);
    return groupId === GROUP_CHANNEL_ID ? this.#wholeGroup() : undefined;
  }

  /** Every group; live. */
  [Symbol.iterator](): Iterator<ChannelGroup> {
    return this.#several === undefined ? [this.#wholeGroup()].values() : this.#several.byId.values();
  }

  /** Whether there was ever more than one. */
  get areSeveral(): boolean {
    return this.#several !== undefined;
  }

  /** A channel that is among all channels now. @param takeId gives the id of a new group */
  add(channel: Channel, takeId: () => number): void {
    const { payee } = channel;
    this.#first ??= payee;
    if (this.#several === undefined) {
      if (payee === this.#first) return;
      this.#several = { byPayee: new Map(), byId: new Map() };
      const others = [...this.#all].filter(([, member]) => member !== channel);
      if (others.length > 0) found(this.#several, this.#first, GROUP_CHANNEL_ID, new Map(others));
    }
    const own =
      this.#several.byPayee.get(payee) ??
      found(this.#several, payee, payee === this.#first ? GROUP_CHANNEL_ID : takeId(), new Map());
    own.channels.set(channel.id, channel);
  }

  /** A channel that is no longer among all channels. */
  remove({ id, payee }: Channel): void {
    const own = this.#several?.byPayee.get(payee);
    if (own === undefined || this.#several === undefined) return;
    own.channels.delete(id);
    if (own.channels.size > 0) return;
    this.#several.byPayee.delete(payee);
    this.#several.byId.delete(own.group.id);
  }

  #wholeGroup(): ChannelGroup {
    this.#whole ??= new ChannelGroup(GROUP_CHANNEL_ID, this.#all);
    return this.#whole;
  }
}

function found(
  { byPayee, byId }: Several,
  payee: Payee,
  id: number,
  channels: Map<number, Channel>,
): OwnGroup {
  const own = { group: new ChannelGroup(id, channels), channels };
  byPayee.set(payee, own);
  byId.set(id, own.group);
  return own;
}
