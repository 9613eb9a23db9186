import { type Channel, type Instant, instantOf, type MiningJob, sameTip } from "@lode/mining";
import type { Clock, Timer } from "@lode/ports";
import { encodeFrame, mining } from "@lode/protocol";
import type { FrameConnection } from "@lode/transport";
import { ChannelGroup } from "../channels/channel-groups.ts";
import { openSuccess } from "../channels/open-request.ts";
import type { JobFrames } from "./job-frames.ts";

/** How long a fan-out rests when the connection's queue is full, milliseconds. */
const REST_MS = 10;
/** Channels of one connection that are served before other events get their turn. */
const SLICE = 256;

/** What a {@link JobDelivery} needs. */
export interface JobDeliveryOptions {
  readonly clock: Clock;
  /** Queued bytes above which a fan-out rests. */
  readonly fanOutQueueBytes: number;
  /** A job newer than this one; undefined when there is none. */
  readonly newerThan: (job: MiningJob) => JobFrames | undefined;
  /** Runs the rest of a fan-out, containing what it throws. */
  readonly guard: (work: () => void) => void;
  /** No job of its channel was sent under this prefix any more. */
  readonly onFreedPrefix: (extranoncePrefix: Uint8Array) => void;
}

/**
 * Brings jobs to one connection's channels: to each by its own id, or to all by that of their group. Job ids are counted
 * per connection, so no two valid jobs share one (SV2 5.3.15).
 */
export class JobDelivery {
  readonly #connection: FrameConnection;
  readonly #options: JobDeliveryOptions;
  #nextJobId = 1;
  /** What is left of a fan-out that rests. */
  #rest: { readonly frames: JobFrames; readonly addressees: Iterator<Channel | ChannelGroup> } | undefined;
  #resting: Timer | undefined;

  constructor(connection: FrameConnection, options: JobDeliveryOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** OpenSuccess, one future job, SetNewPrevHash: what firmware expects, in this order (SV2 5.3.15, 5.3.17). */
  open(requestId: number, channel: Channel, groupId: number, frames: JobFrames, now: Instant): void {
    const jobId = this.#takeJobId();
    // Binds the target that the Success message announces.
    channel.activate(jobId, frames.job, now);
    this.#connection.send(openSuccess(requestId, channel, groupId));
    this.#send(channel, jobId, frames, true);
  }

  /**
   * A later job: on a new tip a future job and the SetNewPrevHash that activates it, else one to mine on at once. A new
   * target leaves before it, since it applies to jobs that follow (SV2 5.3.21).
   */
  deliver(channel: Channel, frames: JobFrames, now: Instant): void {
    const newTip = isElsewhere(channel, frames.job);
    const jobId = this.#takeJobId();
    this.#assign(channel, jobId, frames.job, now);
    this.#send(channel, jobId, frames, newTip);
  }

  /**
   * The same for all channels of a group at once, standard ones included: one job, and one SetNewPrevHash, to their group (SV2
   * 5.3.16, 5.3.17); new targets leave before it, each to its channel. Does nothing when every channel has the job or a newer
   * one. Where some have it already they would search all of it again: then the group gets a newer one. Flushes.
   */
  deliverToGroup(group: ChannelGroup, frames: JobFrames, now: Instant): void {
    this.#deliverToGroup(group, frames, now);
    this.#connection.flush();
  }

  #deliverToGroup(group: ChannelGroup, wanted: JobFrames, now: Instant): void {
    const repeated = group.some(({ job }) => job === wanted.job);
    const news = repeated && group.some(({ job }) => job !== wanted.job);
    const frames = news ? this.#options.newerThan(wanted.job) : wanted;
    if (frames === undefined || !group.some((channel) => lacks(channel, frames.job))) return;
    const newTip = group.some((channel) => isElsewhere(channel, frames.job));
    const jobId = this.#takeJobId();
    let first: Channel | undefined;
    for (const channel of group) {
      first ??= channel;
      this.#assign(channel, jobId, frames.job, now);
    }
    if (first === undefined) return;
    this.#connection.send(frames.newExtendedMiningJob(group.id, jobId, newTip, first.payee));
    if (newTip) this.#connection.send(frames.setNewPrevHash(group.id, jobId));
  }

  /**
   * Delivers to every channel that does not have a newer job, and flushes. Thousands of channels are served in several turns
   * of the event loop, and can be more than the connection may queue: then the rest waits until the peer has taken something.
   * The next fan-out replaces it.
   *
   * @param addressees channels, and groups that are told together; live: what closes meanwhile is left out
   */
  fanOut(addressees: Iterable<Channel | ChannelGroup>, frames: JobFrames, now: Instant): void {
    this.stop();
    this.#rest = { frames, addressees: addressees[Symbol.iterator]() };
    this.#continue(now);
  }

  /** SetTarget, always to one channel (SV2 5.3.21). */
  sendTarget({ id: channelId, targetBytes: maximumTarget }: Channel): void {
    this.#connection.send(encodeFrame(mining.SetTarget, { channelId, maximumTarget }));
  }

  /** Ends what is left of a fan-out. */
  stop(): void {
    this.#resting?.cancel();
    this.#rest = undefined;
  }

  #continue(now: Instant): void {
    if (this.#rest === undefined) return;
    const { frames, addressees } = this.#rest;
    for (let served = 0; served < SLICE; served++) {
      const next = addressees.next();
      if (next.done) {
        this.#rest = undefined;
        break;
      }
      if (next.value instanceof ChannelGroup) this.#deliverToGroup(next.value, frames, now);
      else if (lacks(next.value, frames.job)) this.deliver(next.value, frames, now);
      if (this.#isFull()) {
        this.#resumeLater();
        return;
      }
    }
    this.#connection.flush();
    if (this.#rest !== undefined) this.#resumeSoon(this.#rest);
  }

  #isFull(): boolean {
    if (this.#connection.queuedBytes <= this.#options.fanOutQueueBytes) return false;
    this.#connection.flush();
    return this.#connection.queuedBytes > this.#options.fanOutQueueBytes;
  }

  #resumeSoon(rest: object): void {
    const { clock, guard } = this.#options;
    clock.soon(() => {
      if (this.#rest === rest) guard(() => this.#continue(instantOf(clock)));
    });
  }

  #resumeLater(): void {
    this.#resting?.cancel();
    const { clock, guard } = this.#options;
    this.#resting = clock.after(REST_MS, () => guard(() => this.#continue(instantOf(clock))));
  }

  #assign(channel: Channel, jobId: number, job: MiningJob, now: Instant): void {
    if (channel.activate(jobId, job, now)) this.sendTarget(channel);
    for (const prefix of channel.takeFreedPrefixes()) this.#options.onFreedPrefix(prefix);
  }

  #send(channel: Channel, jobId: number, frames: JobFrames, newTip: boolean): void {
    this.#connection.send(
      channel.kind === "standard"
        ? frames.newMiningJob(channel.id, jobId, newTip, channel.newestMerkleRoot()!)
        : frames.newExtendedMiningJob(channel.id, jobId, newTip, channel.payee),
    );
    if (newTip) this.#connection.send(frames.setNewPrevHash(channel.id, jobId));
  }

  #takeJobId(): number {
    const jobId = this.#nextJobId;
    this.#nextJobId = jobId === 0xffff_ffff ? 1 : jobId + 1;
    return jobId;
  }
}

/** A refresh or an opening may have brought a channel this job, or a newer one of the tip, before its turn came. */
function lacks(channel: Channel, next: MiningJob): boolean {
  return isElsewhere(channel, next) || channel.job!.serial < next.serial;
}

/** The channel needs a SetNewPrevHash to work on `next`. */
function isElsewhere({ job }: Channel, next: MiningJob): boolean {
  return job === undefined || !sameTip(job.tip, next.tip);
}
