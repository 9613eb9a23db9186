import type { Channel, Instant } from "@lode/mining";
import type { Timer } from "@lode/ports";
import { MiningFlags } from "@lode/protocol";
import { printable } from "../../session/printable.ts";
import type { Steps } from "../pacing/slices.ts";
import type { SessionContext } from "../session/session-context.ts";
import { GROUP_CHANNEL_ID } from "../settings.ts";
import { ChannelCounts } from "./channel-counts.ts";
import { type ChannelGroup, ChannelGroups } from "./channel-groups.ts";
import type { OpenRequest } from "./open-queue.ts";
import { type OpenRefusal, openChannel, type RequestingConnection } from "./open-request.ts";

/** More channels than this are a crowd, which is cleared away in turns. */
const FEW = 16;

/** Whose channels they are. */
export interface ChannelOwner extends Omit<RequestingConnection, "counts" | "groups"> {
  /** No channel has been open for too long (SV2 5.3.2). */
  readonly onIdle: () => void;
}

/** One connection's channels, by ids that are never used twice (SV2 5.2). */
export class SessionChannels {
  readonly #context: SessionContext;
  readonly #owner: RequestingConnection;
  readonly #onIdle: () => void;
  readonly #channels = new Map<number, Channel>();
  readonly #groups = new ChannelGroups(this.#channels);
  #nextId = GROUP_CHANNEL_ID + 1;
  #idle: Timer | undefined;

  constructor(context: SessionContext, { onIdle, ...owner }: ChannelOwner) {
    this.#context = context;
    this.#owner = { ...owner, counts: new ChannelCounts(), groups: this.#groups };
    this.#onIdle = onIdle;
    this.awaitOne();
  }

  /** Gives the client its time for a channel. */
  awaitOne(): void {
    const { clock, settings } = this.#context;
    this.#idle = clock.after(settings.firstChannelTimeoutMs, () => {
      this.#idle = undefined;
      this.#onIdle();
    });
  }

  /** There is no channel, and the time for one is over. */
  get isOverdue(): boolean {
    return this.size === 0 && this.#idle === undefined;
  }

  get size(): number {
    return this.#channels.size;
  }

  /** Whether they are many, and most of them without work. */
  get isHoarding(): boolean {
    return this.#owner.counts.excessIdle >= 0;
  }

  /**
   * Whom jobs are addressed to: groups of several channels, and single channels. Clients that need standard jobs cannot read a
   * group's (SV2 5.3.1). Live: what closes meanwhile is left out.
   */
  addressees(): Iterable<Channel | ChannelGroup> {
    if (!this.#canGroup || (this.size === 1 && !this.#groups.areSeveral)) return this;
    return this.#addressed();
  }

  *#addressed(): Iterable<Channel | ChannelGroup> {
    for (const group of this.#groups) {
      if (group.size > 1) yield group;
      else yield* group;
    }
  }

  get #canGroup(): boolean {
    return (this.#owner.flags & MiningFlags.requiresStandardJobs) === 0;
  }

  /** The group of a channel; undefined where jobs go to the channel itself. */
  jobGroupOf(channel: Channel): ChannelGroup | undefined {
    if (!this.#canGroup || this.size === 1) return undefined;
    const group = this.#groups.of(channel);
    return group.size > 1 ? group : undefined;
  }

  /** Told to the client with the channel. */
  groupIdOf(channel: Channel): number {
    return this.#groups.of(channel).id;
  }

  get(channelId: number): Channel | undefined {
    return this.#channels.get(channelId);
  }

  /** False once it is closed. */
  has(channel: Channel): boolean {
    return this.#channels.get(channel.id) === channel;
  }

  [Symbol.iterator](): IterableIterator<Channel> {
    return this.#channels.values();
  }

  /** It was open once: nothing may be sent for it any more (SV2 5.3.9). */
  wasClosed(channelId: number): boolean {
    const isKnown = channelId > GROUP_CHANNEL_ID && channelId < this.#nextId;
    return isKnown && !this.#channels.has(channelId) && this.#groups.get(channelId) === undefined;
  }

  /** A new channel without a job, or the refusal. */
  open(opening: OpenRequest): Channel | OpenRefusal {
    const channel = openChannel(this.#context, opening, this.#owner, this.#nextId);
    if ("errorCode" in channel) return channel;
    this.#nextId++;
    this.#channels.set(channel.id, channel);
    this.#groups.add(channel, () => this.#nextId++);
    this.#context.payees.hold(channel.payee, this.#owner.subnet);
    this.#context.channels.add(channel, this.#owner);
    this.#idle?.cancel();
    this.#idle = undefined;
    return channel;
  }

  /**
   * CloseChannel: a group's id stands for all its channels (SV2 5.3.9), an unknown one for none.
   *
   * @returns false when there never was such a channel
   */
  close(channelId: number, reasonCode: string): boolean {
    const known = channelId >= GROUP_CHANNEL_ID && channelId < this.#nextId;
    const log = { conn_id: this.#owner.connectionId, channel_id: channelId, reason: printable(reasonCode) };
    this.#context.logger.debug(log, "channel closed by the client");
    const channel = this.#channels.get(channelId);
    if (channel !== undefined) this.#close(channel);
    else this.#closeEach([...(this.#groups.get(channelId) ?? [])]);
    if (this.isOverdue) this.awaitOne();
    return known;
  }

  /** A share of the channel was accepted. */
  onEarned(channel: Channel): void {
    this.#context.channels.onEarned(channel, this.#owner);
  }

  /** Notes that a channel earns no more. */
  review(channel: Channel, now: Instant): void {
    this.#context.channels.review(channel, this.#owner, now);
  }

  /** The connection is over. */
  end(): void {
    this.#idle?.cancel();
    this.#closeEach([...this.#channels.values()]);
  }

  /** Channels count no more at once; what thousands leave behind is cleared away in turns. */
  #closeEach(channels: readonly Channel[]): void {
    for (const channel of channels) this.#remove(channel);
    if (channels.length > FEW) this.#context.closings.add(this.#clearAll(channels));
    else for (const channel of channels) this.#clear(channel);
  }

  *#clearAll(channels: readonly Channel[]): Steps {
    for (const channel of channels) {
      try {
        this.#clear(channel);
      } catch (err) {
        const log = { conn_id: this.#owner.connectionId, channel_id: channel.id, err };
        this.#context.logger.error(log, "a channel could not be cleared away");
      }
      yield 1;
    }
  }

  #close(channel: Channel): void {
    this.#remove(channel);
    this.#clear(channel);
  }

  #remove(channel: Channel): void {
    this.#channels.delete(channel.id);
    this.#groups.remove(channel);
    this.#context.payees.letGo(channel.payee, this.#owner.subnet);
    this.#context.channels.remove(channel, this.#owner);
  }

  #clear(channel: Channel): void {
    for (const prefix of channel.close()) this.#context.supply.retire(prefix);
    const { accepted, rejected, work, blocks } = channel.account;
    this.#context.logger.debug(
      {
        conn_id: this.#owner.connectionId,
        channel_id: channel.id,
        accepted,
        rejected: Object.fromEntries(rejected),
        work,
        blocks,
      },
      "channel ended",
    );
  }
}
