import type { Channel, Instant } from "@lode/mining";
import { encodeFrame, mining } from "@lode/protocol";
import type { FrameConnection } from "@lode/transport";
import type { JobFrames } from "./job-frames.ts";
import { openSuccess } from "./opening.ts";
import { isSameTip } from "./work-supply.ts";

/**
 * Brings jobs to one connection's channels, every channel addressed by its own id. Job ids are counted per connection, so
 * no two valid jobs share one (SV2 5.3.15). Nothing is flushed here: what is sent in one turn leaves in one write.
 */
export class JobDelivery {
  readonly #connection: FrameConnection;
  #nextJobId = 1;

  constructor(connection: FrameConnection) {
    this.#connection = connection;
  }

  /** OpenSuccess, one future job, SetNewPrevHash: what firmware expects, in this order (SV2 5.3.15, 5.3.17). */
  open(requestId: number, channel: Channel, frames: JobFrames, now: Instant): void {
    const jobId = this.#takeJobId();
    // Binds the target that the Success message announces.
    channel.activate(jobId, frames.job, now);
    this.#connection.send(openSuccess(requestId, channel));
    this.#send(channel, jobId, frames, true);
  }

  /**
   * A later job: on a new tip a future job and the SetNewPrevHash that activates it, else one to mine on at once. A new
   * target leaves before it, since it applies to jobs that follow (SV2 5.3.21).
   */
  deliver(channel: Channel, frames: JobFrames, now: Instant): void {
    const previous = channel.job;
    const newTip = previous === undefined || !isSameTip(previous.tip, frames.job.tip);
    const jobId = this.#takeJobId();
    if (channel.activate(jobId, frames.job, now)) {
      const target = { channelId: channel.id, maximumTarget: channel.targetBytes };
      this.#connection.send(encodeFrame(mining.SetTarget, target));
    }
    this.#send(channel, jobId, frames, newTip);
  }

  #send(channel: Channel, jobId: number, frames: JobFrames, newTip: boolean): void {
    this.#connection.send(
      channel.kind === "standard"
        ? frames.newMiningJob(channel.id, jobId, newTip, channel.extranoncePrefix)
        : frames.newExtendedMiningJob(channel.id, jobId, newTip),
    );
    if (newTip) this.#connection.send(frames.setNewPrevHash(channel.id, jobId));
  }

  #takeJobId(): number {
    const jobId = this.#nextJobId;
    this.#nextJobId = jobId === 0xffff_ffff ? 1 : jobId + 1;
    return jobId;
  }
}
