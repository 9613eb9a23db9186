import { bytesToTarget } from "@lode/bitcoin";
import { CodedError } from "@lode/ports";
import type { ServerFields } from "../pool/scripted-miner.ts";
import { ClientExtendedChannel, ClientGroup } from "./translator-channel.ts";

/** The original asks for a fallback: it leaves this pool with all its miners. */
export class Fallback extends CodedError<{ code: "fallback"; reason: string }> {
  constructor(reason: string) {
    super({ code: "fallback", reason }, reason);
  }
}

/** Local key of the one upstream channel in aggregated mode (`AGGREGATED_CHANNEL_ID`, src/lib/utils.rs 34). */
export const AGGREGATED = 0xffff_ffff;
/** `AGGREGATED_TPROXY_LOCAL_PREFIX_BYTES`, channel_manager/mod.rs 63. */
export const LOCAL_INDEX_BYTES = 2;

/**
 * The translator's channels and groups, and what each message of the pool does to them: translator_sv2 0.6.0,
 * src/lib/sv2/channel_manager/mining_message_handler.rs, to which line numbers refer unless another file is named. Local keys are the
 * ids on the wire, or in aggregated mode {@link AGGREGATED} for the pool's channel and numbers from 1 for its parts. Every
 * method throws {@link Fallback} where the original asks for one.
 */
export class TranslatorBooks {
  readonly #aggregated: boolean;
  readonly #extranonce2Size: number;
  readonly #violate: (text: string) => void;
  readonly #channels = new Map<number, ClientExtendedChannel>();
  readonly #groups = new Map<number, ClientGroup>();
  /** Wire ids of channels that were closed. */
  readonly #closed = new Set<number>();
  readonly #usedIndices = new Set<number>();
  #nextIndex = 0;

  constructor(
    options: { readonly aggregated: boolean; readonly extranonce2Size: number },
    violate: (text: string) => void,
  ) {
    this.#aggregated = options.aggregated;
    this.#extranonce2Size = options.extranonce2Size;
    this.#violate = violate;
  }

  /** Channels on the wire. */
  get size(): number {
    return this.#aggregated ? Number(this.#channels.has(AGGREGATED)) : this.#channels.size;
  }

  get(key: number): ClientExtendedChannel | undefined {
    return this.#channels.get(key);
  }

  /** The channel on the wire that a local one belongs to. */
  upstreamOf(key: number): ClientExtendedChannel | undefined {
    return this.#channels.get(this.#aggregated ? AGGREGATED : key);
  }

  wasClosed(channelId: number): boolean {
    return this.#closed.has(channelId);
  }

  /** The pool opened a channel: lines 85-389. @returns its local key */
  onOpened(fields: ServerFields<"OpenExtendedMiningChannelSuccess">): number {
    const { channelId, groupChannelId, extranoncePrefix, extranonceSize } = fields;
    if (this.#collides(channelId, groupChannelId)) {
      throw new Fallback(`ChannelIdAlreadyInUse: ${channelId} in ${groupChannelId}`);
    }
    const group = this.#groups.get(groupChannelId) ?? new ClientGroup();
    this.#groups.set(groupChannelId, group);
    const mismatch = group.add(channelId, extranoncePrefix.length + extranonceSize);
    if (mismatch !== undefined) throw new Fallback(mismatch);
    const target = bytesToTarget(fields.target);
    const needed = this.#extranonce2Size + (this.#aggregated ? LOCAL_INDEX_BYTES : 0);
    if (extranonceSize < needed)
      throw new Fallback(`granted ${extranonceSize} bytes of extranonce, not ${needed}`);
    if (target === 0n) throw new Fallback("InvalidTarget");
    const key = this.#aggregated ? AGGREGATED : channelId;
    // Alone, whatever the pool grants beyond the wish becomes zeros in front of what the miner rolls (312-351).
    const padding = new Uint8Array(this.#aggregated ? 0 : extranonceSize - this.#extranonce2Size);
    const rollable = extranonceSize - padding.length;
    this.#channels.set(
      key,
      new ClientExtendedChannel(channelId, extranoncePrefix, padding, rollable, target),
    );
    return key;
  }

  /** Aggregated: a part of the pool's channel that takes over its work (channel_manager/mod.rs 1052-1256). @returns its key */
  openPart(): number {
    const whole = this.#channels.get(AGGREGATED);
    if (whole === undefined) throw new TypeError("no channel to take a part of");
    const localPrefix = new Uint8Array(whole.rollableSize - this.#extranonce2Size);
    const index = this.#takeIndex();
    localPrefix[localPrefix.length - 2] = index >>> 8;
    localPrefix[localPrefix.length - 1] = index & 0xff;
    const { upstreamPrefix, target, active, futureJobs } = whole;
    const key = index + 1;
    const part = new ClientExtendedChannel(key, upstreamPrefix, localPrefix, this.#extranonce2Size, target);
    part.replay(active === undefined ? futureJobs : [active, ...futureJobs], whole.tip);
    this.#channels.set(key, part);
    return key;
  }

  /** This side closed a channel, or lost it. */
  forget(key: number): void {
    this.#channels.delete(key);
    if (this.#aggregated) {
      this.#usedIndices.delete(key - 1);
      return;
    }
    this.#closed.add(key);
    for (const group of this.#groups.values()) group.members.delete(key);
  }

  /** Lines 711-903. @returns local keys of the channels that have a new job to work on */
  onJob(fields: ServerFields<"NewExtendedMiningJob">): readonly number[] {
    if (!fields.versionRollingAllowed) throw new Fallback("VersionRollingNotAllowed");
    const keys = this.#addressed(fields.channelId, "NewExtendedMiningJob");
    if (keys.length > 0) this.#groups.get(fields.channelId)?.onJob(fields);
    for (const key of keys) {
      const channel = this.#existing(key);
      // The original would replace the one by the other; a share could then be judged by the wrong job.
      if (channel.holds(fields.jobId)) this.#violate(`job id ${fields.jobId} is in use on channel ${key}`);
      const refusal = channel.onJob(fields);
      if (refusal !== undefined) throw new Fallback(refusal);
    }
    return fields.minNtime === null ? [] : keys;
  }

  /** Lines 905-1109: the group must have had the job as well, but in aggregated mode nobody asks it. @returns as {@link onJob} */
  onPrevHash(fields: ServerFields<"SetNewPrevHash">): readonly number[] {
    const keys = this.#addressed(fields.channelId, "SetNewPrevHash");
    const group = this.#aggregated ? undefined : this.#groups.get(fields.channelId);
    if (group?.onPrevHash(fields) !== undefined) throw new Fallback(`group: JobIdNotFound ${fields.jobId}`);
    for (const key of keys) {
      const refusal = this.#existing(key).onPrevHash(fields);
      if (refusal !== undefined) throw new Fallback(`channel ${key}: ${refusal} ${fields.jobId}`);
    }
    return keys;
  }

  /** Lines 1143-1264. @returns local keys of the channels that have another target */
  onTarget(fields: ServerFields<"SetTarget">): readonly number[] {
    const keys = this.#addressed(fields.channelId, "SetTarget");
    const target = bytesToTarget(fields.maximumTarget);
    for (const key of keys) {
      const refusal = this.#existing(key).onTarget(target);
      if (refusal !== undefined) throw new Fallback(refusal);
    }
    return keys;
  }

  /** Lines 506-648: by the channel's own id only, and for jobs from now on. */
  onPrefix({ channelId, extranoncePrefix }: ServerFields<"SetExtranoncePrefix">): void {
    const whole = this.#channels.get(this.#aggregated ? AGGREGATED : channelId);
    if (whole?.id !== channelId) {
      if (!this.#closed.has(channelId))
        this.#violate(`SetExtranoncePrefix for channel ${channelId}: ignored`);
      return;
    }
    for (const channel of this.#aggregated ? this.#channels.values() : [whole]) {
      const refusal = channel.onPrefix(extranoncePrefix);
      if (refusal !== undefined) throw new Fallback(refusal);
    }
  }

  /** Lines 438-504: a channel, or a group with all its channels. @returns keys of the channels that are gone */
  onClose(channelId: number): readonly number[] {
    if (this.#aggregated) throw new Fallback("AggregatedChannelClosed");
    const group = this.#groups.get(channelId);
    const keys =
      group === undefined ? [channelId].filter((id) => this.#channels.has(id)) : [...group.members];
    if (group === undefined && keys.length === 0 && !this.#closed.has(channelId)) {
      this.#violate(`CloseChannel for ${channelId}, which is not open`);
    }
    this.#groups.delete(channelId);
    for (const key of keys) this.forget(key);
    return keys;
  }

  /** Local keys of the channels a message is for. For none: the original only logs, but a sound server has no reason to. */
  #addressed(channelId: number, name: string): readonly number[] {
    const group = this.#groups.get(channelId);
    if (this.#aggregated) {
      const whole = this.#channels.get(AGGREGATED);
      if (whole === undefined) throw new Fallback(`${name} before the channel is open`);
      if (whole.id === channelId || group !== undefined) return [...this.#channels.keys()];
    } else if (group !== undefined) return [...group.members];
    else if (this.#channels.has(channelId)) return [channelId];
    // A CloseChannel of this side and a word from the other may cross.
    if (!this.#closed.has(channelId)) this.#violate(`${name} for channel ${channelId}, which is none of its`);
    return [];
  }

  #existing(key: number): ClientExtendedChannel {
    const channel = this.#channels.get(key);
    if (channel === undefined) throw new Fallback(`ChannelNotFound ${key}`);
    return channel;
  }

  /** Lines 1378-1397. */
  #collides(channelId: number, groupChannelId: number): boolean {
    if (channelId === AGGREGATED || groupChannelId === AGGREGATED || channelId === groupChannelId)
      return true;
    if (this.#aggregated) return false;
    const channels = this.#channels;
    return channels.has(groupChannelId) || channels.has(channelId) || this.#groups.has(channelId);
  }

  #takeIndex(): number {
    while (this.#usedIndices.has(this.#nextIndex)) this.#nextIndex = (this.#nextIndex + 1) & 0xffff;
    this.#usedIndices.add(this.#nextIndex);
    return this.#nextIndex;
  }
}
