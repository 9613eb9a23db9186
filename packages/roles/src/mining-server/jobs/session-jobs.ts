import type { Channel, Instant } from "@lode/mining";
import { encodeFrame, MiningFlags, mining } from "@lode/protocol";
import type { FrameConnection } from "@lode/transport";
import { openSuccess } from "../channels/open-request.ts";
import type { SessionChannels } from "../channels/session-channels.ts";
import type { SessionContext } from "../session/session-context.ts";
import { JobDelivery } from "./job-delivery.ts";
import type { JobFrames } from "./job-frames.ts";

/** Whose work it is. */
export interface JobsOwner {
  readonly connection: FrameConnection;
  /** Of SetupConnection. */
  readonly flags: number;
  readonly channels: SessionChannels;
  /** Runs work that is not caused by a frame, containing what it throws. */
  readonly guard: (work: () => void) => void;
}

/** What one connection's channels mine on: who gets which job, when, and addressed how. */
export class SessionJobs {
  readonly #context: SessionContext;
  readonly #connection: FrameConnection;
  readonly #channels: SessionChannels;
  readonly #delivery: JobDelivery;
  /** False where the client brings its own work (SV2 5.1.4). */
  readonly #getsJobs: boolean;
  #published: JobFrames | undefined;

  constructor(context: SessionContext, { connection, flags, channels, guard }: JobsOwner) {
    this.#context = context;
    this.#connection = connection;
    this.#channels = channels;
    this.#getsJobs = (flags & MiningFlags.requiresWorkSelection) === 0;
    this.#delivery = new JobDelivery(connection, {
      clock: context.clock,
      fanOutQueueBytes: context.settings.fanOutQueueBytes,
      guard,
      newerThan: (job) => context.supply.newerThan(job),
      onFreedPrefix: (prefix) => context.supply.retire(prefix),
    });
  }

  /** Tells the client that its channel is open, and gives it a job. */
  begin(requestId: number, channel: Channel, now: Instant): void {
    const frames = this.#getsJobs ? this.#context.supply.current() : undefined;
    const groupId = this.#channels.groupIdOf(channel);
    if (frames === undefined) this.#connection.send(openSuccess(requestId, channel, groupId));
    else this.#delivery.open(requestId, channel, groupId, frames, now);
    this.#visitOften(channel);
  }

  /** Hands a job to every channel that lacks it. @returns channels that were looked at */
  publish(frames: JobFrames, now: Instant): number {
    // A channel that was opened since then began with this job or a newer one.
    const known = this.#published === frames;
    this.#published = frames;
    if (known || !this.#getsJobs || this.#channels.size === 0) return 0;
    this.#delivery.fanOut(this.#channels.addressees(), frames, now);
    return this.#channels.size;
  }

  /**
   * A few seconds' worth of vardiff, and a fresh job when the channel cannot wait for one until the next visit.
   *
   * @param untilNextMs time until then
   */
  visit(channel: Channel, now: Instant, untilNextMs: number): void {
    if (!this.#channels.has(channel)) return;
    this.#channels.review(channel, now);
    const retarget = channel.onTimer(now);
    const age = now.monotonic - channel.activatedAt;
    if (age + untilNextMs > this.#refreshMs(channel)) this.#renew(channel, now);
    else if (retarget) this.retarget(channel, now);
    this.#visitOften(channel);
  }

  /** Brings another target into force with a fresh job: now, or later when the last one is too young or much is queued. */
  retarget(channel: Channel, now: Instant): void {
    const { settings } = this.#context;
    const tooSoon = now.monotonic - channel.retargetedAt < settings.retargetIntervalMs;
    // Thousands of channels that change at once wait until the peer has read what is queued.
    const congested = this.#connection.queuedBytes > settings.fanOutQueueBytes;
    if (tooSoon || congested) this.#context.retargetLater(channel);
    else this.#refresh(channel, now);
  }

  /** A job the channel has not had yet; with SetTarget before it when the target is a new one (SV2 5.3.21). */
  #refresh(channel: Channel, now: Instant): void {
    if (!this.#channels.has(channel)) return;
    if (!this.#getsJobs) {
      if (channel.adoptTarget(now)) this.#delivery.sendTarget(channel);
      return;
    }
    const frames = this.#context.supply.newerThan(channel.job);
    if (frames !== undefined) this.#delivery.deliver(channel, frames, now);
  }

  /**
   * Gives a channel another extranonce prefix and, at once, a job to use it on (SV2 5.3.10).
   *
   * @returns false when there is no such channel here, or no prefix to give
   */
  moveExtranoncePrefix(channelId: number, now: Instant): boolean {
    const channel = this.#channels.get(channelId);
    const extranoncePrefix = channel && this.#context.supply.allocate();
    if (channel === undefined || extranoncePrefix === undefined) return false;
    channel.setExtranoncePrefix(extranoncePrefix);
    const fields = { channelId, extranoncePrefix: channel.extranoncePrefix };
    this.#connection.send(encodeFrame(mining.SetExtranoncePrefix, fields));
    this.#refresh(channel, now);
    return true;
  }

  /** The connection is over. */
  stop(): void {
    this.#delivery.stop();
  }

  /** A fresh job because the last one is old: one for the whole group where there is one. */
  #renew(channel: Channel, now: Instant): void {
    const group = this.#channels.jobGroupOf(channel);
    if (group === undefined) {
      this.#refresh(channel, now);
      return;
    }
    const frames = this.#getsJobs ? this.#context.supply.newerThan(channel.job) : undefined;
    if (frames !== undefined) this.#delivery.deliverToGroup(group, frames, now);
  }

  /** Has a channel visited often enough to get its jobs in time. */
  #visitOften(channel: Channel): void {
    if (this.#refreshMs(channel) < 2 * this.#context.settings.roundMs) this.#context.onFrequentJobs(channel);
  }

  /** How long the channel may go without a new job: well before it has searched all of the last one. */
  #refreshMs(channel: Channel): number {
    const { standardRefreshMs, extendedRefreshMs, fastestRefreshMs } = this.#context.settings;
    if (channel.kind === "extended") return extendedRefreshMs;
    return Math.min(standardRefreshMs, Math.max(fastestRefreshMs, channel.searchSpaceMs / 2));
  }
}
