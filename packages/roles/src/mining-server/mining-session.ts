import { bytesToTarget } from "@lode/bitcoin";
import {
  type AcceptedShare,
  type Channel,
  ChannelError,
  type Instant,
  instantOf,
  type ShareSubmission,
} from "@lode/mining";
import type { Timer } from "@lode/ports";
import { common, encodeFrame, MiningFlags, mining } from "@lode/protocol";
import type { CloseReason } from "../setup/close-reasons.ts";
import type { FrameReader, MessageHandler } from "../setup/frame-reader.ts";
import { printable } from "../setup/printable.ts";
import type { SetupMessage, SetupPeer } from "../setup/server-setup.ts";
import { type UpdateErrorCode, unknownChannel } from "./error-codes.ts";
import { JobDelivery } from "./job-delivery.ts";
import type { JobFrames } from "./job-frames.ts";
import type { MinerMessage } from "./miner-messages.ts";
import { type Opening, openSuccess } from "./opening.ts";
import { SessionChannels } from "./session-channels.ts";
import type { SessionContext } from "./session-context.ts";

/** One miner's connection, once it is set up: its channels, their jobs and shares. */
export class MiningSession implements MessageHandler<MinerMessage> {
  readonly #context: SessionContext;
  readonly #peer: SetupPeer;
  readonly #reader: FrameReader<MinerMessage | SetupMessage>;
  readonly #delivery: JobDelivery;
  readonly #onEnd: (reason: string) => void;
  readonly #channels: SessionChannels;
  /** Shares that were recorded and not acknowledged. */
  #unanswered = 0;
  /** Set while draining: patience with what is unanswered. */
  #draining: Timer | undefined;

  constructor(
    context: SessionContext,
    peer: SetupPeer,
    reader: FrameReader<MinerMessage | SetupMessage>,
    onEnd: (reason: string) => void,
  ) {
    this.#context = context;
    this.#peer = peer;
    this.#reader = reader;
    this.#delivery = new JobDelivery(reader.connection, {
      clock: context.clock,
      fanOutQueueBytes: context.settings.fanOutQueueBytes,
      guard: (work) => this.guard(work),
    });
    this.#channels = new SessionChannels(context, {
      connectionId: reader.connection.id,
      flags: peer.flags,
      onIdle: () => this.end("no-channel" satisfies CloseReason),
    });
    this.#onEnd = onEnd;
  }

  get id(): number {
    return this.#reader.connection.id;
  }

  onMessage(message: MinerMessage): void {
    if (this.#draining !== undefined) return;
    switch (message.name) {
      case "SubmitSharesExtended":
        this.#onShare(message.fields.channelId, message.fields);
        break;
      case "SubmitSharesStandard":
        this.#onShare(message.fields.channelId, { ...message.fields, extranonce: null });
        break;
      case "OpenStandardMiningChannel":
        this.#onOpen({ ...message.fields, minExtranonceSize: null });
        break;
      case "OpenExtendedMiningChannel":
        this.#onOpen(message.fields);
        break;
      case "UpdateChannel":
        this.#onUpdate(message.fields);
        break;
      case "CloseChannel":
        this.#channels.close(message.fields.channelId, message.fields.reasonCode);
        break;
      case "SetCustomMiningJob": {
        const { channelId, requestId } = message.fields;
        const refusal = { channelId, requestId, errorCode: "jd-not-supported" };
        this.#reader.connection.send(encodeFrame(mining.SetCustomMiningJobError, refusal));
        break;
      }
    }
  }

  onClose(reason: string): void {
    this.#delivery.stop();
    this.#channels.end();
    this.#context.logger.debug({ conn_id: this.id, reason }, "connection closed");
    this.#draining?.cancel();
    this.#onEnd(reason);
  }

  /** Hands a job to every channel, in one write unless there are thousands. */
  publish(frames: JobFrames, now: Instant): void {
    if (this.#channels.size > 0 && this.#getsJobs) this.#delivery.fanOut(this.#channels, frames, now);
  }

  /** Runs work that is not caused by a frame, containing what it throws. */
  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#reader.contain(error);
    }
  }

  /** A few seconds' worth of vardiff, and a fresh job when the channel has waited long enough for one. */
  visit(channel: Channel, now: Instant): void {
    const { standardRefreshMs, extendedRefreshMs, roundMs } = this.#context.settings;
    const refreshMs = channel.kind === "standard" ? standardRefreshMs : extendedRefreshMs;
    const due = now.monotonic - channel.activatedAt + roundMs > refreshMs;
    const retarget = channel.onTimer(now);
    if (due) this.refresh(channel, now);
    else if (retarget) this.#context.onRetarget(channel);
  }

  /** A job the channel has not had yet; with SetTarget before it when the target is a new one (SV2 5.3.21). */
  refresh(channel: Channel, now: Instant): void {
    if (!this.#getsJobs || !this.#channels.has(channel)) return;
    const frames = this.#context.supply.newerThan(channel.job);
    if (frames !== undefined) this.#delivery.deliver(channel, frames, now);
  }

  /** A share of this connection is durable; its channel may be closed by now. */
  onDurable(share: AcceptedShare): void {
    this.#unanswered--;
    share.channel.acknowledge(share);
  }

  /** Tells the client what was acknowledged on a channel (SV2 5.3.13); nothing for a closed one (SV2 5.3.9). */
  answer(channel: Channel): void {
    if (!this.#channels.has(channel)) return;
    const acknowledgement = channel.takeAcknowledgement();
    if (acknowledgement === undefined) return;
    const fields = { channelId: channel.id, ...acknowledgement };
    this.#reader.connection.send(encodeFrame(mining.SubmitSharesSuccess, fields));
  }

  /** Everything that is durable was answered. */
  onAnswered(): void {
    if (this.#draining === undefined || this.#unanswered > 0) return;
    this.#draining.cancel();
    this.#leave();
  }

  /** Ends the connection. */
  end(reason: string): void {
    this.#reader.end(reason);
  }

  /** Looks at nothing that arrives from now on, waits for the answers to what did, then closes. */
  drain(): void {
    const { clock, settings } = this.#context;
    this.#draining ??= clock.after(settings.drainAnswerMs, () => this.#leave());
    this.onAnswered();
  }

  /** Reconnect goes first to vendors that understand it (SV2 3.6.5). */
  #leave(): void {
    if (this.#reader.ended) return;
    if (this.#context.settings.reconnectVendors.includes(this.#peer.vendor)) {
      this.#reader.connection.send(encodeFrame(common.Reconnect, { newHost: "", newPort: 0 }));
    }
    this.end("draining" satisfies CloseReason);
  }

  /** SV2 5.1.4: the client brings its own work. */
  get #getsJobs(): boolean {
    return (this.#peer.flags & MiningFlags.requiresWorkSelection) === 0;
  }

  #onOpen(opening: Opening): void {
    const { connection } = this.#reader;
    const log = { conn_id: connection.id, user_identity: printable(opening.userIdentity) };
    const channel = this.#channels.open(opening);
    if (typeof channel === "string") {
      this.#context.metrics.refusedOpenings.inc(channel);
      this.#context.logger.info({ ...log, error_code: channel }, "channel refused");
      const refusal = { requestId: opening.requestId, errorCode: channel };
      connection.send(encodeFrame(mining.OpenMiningChannelError, refusal));
      return;
    }
    this.#context.logger.debug({ ...log, channel_id: channel.id, kind: channel.kind }, "channel opened");
    const frames = this.#getsJobs ? this.#context.supply.opening() : undefined;
    if (frames === undefined) connection.send(openSuccess(opening.requestId, channel));
    else this.#delivery.open(opening.requestId, channel, frames, instantOf(this.#context.clock));
  }

  #onShare(channelId: number, submission: ShareSubmission): void {
    const { metrics, clock, sink, rate } = this.#context;
    const channel = this.#channels.get(channelId);
    if (channel === undefined) {
      metrics.onRejected(unknownChannel);
      if (!this.#channels.wasClosed(channelId))
        this.#refuseShare(channelId, submission.sequenceNumber, unknownChannel);
      return;
    }
    const now = instantOf(clock);
    const verdict = channel.checkShare(submission, now);
    if (verdict.block !== undefined) {
      metrics.blocksFound.inc();
      this.#context.onBlock(verdict.block);
    }
    if (!verdict.accepted) {
      metrics.onRejected(verdict.code);
      this.#refuseShare(channelId, submission.sequenceNumber, verdict.code);
      return;
    }
    metrics.onAccepted();
    rate.add(Number(verdict.share.work), now.monotonic);
    this.#unanswered++;
    sink.record(verdict.share);
    if (verdict.retarget) this.#context.onRetarget(channel);
  }

  #refuseShare(channelId: number, sequenceNumber: number, errorCode: string): void {
    const fields = { channelId, sequenceNumber, errorCode };
    this.#reader.connection.send(encodeFrame(mining.SubmitSharesError, fields));
  }

  #onUpdate({ channelId, nominalHashRate, maximumTarget }: mining.UpdateChannel): void {
    const channel = this.#channels.get(channelId);
    if (channel === undefined) {
      if (!this.#channels.wasClosed(channelId)) this.#refuseUpdate(channelId, unknownChannel);
      return;
    }
    let retarget: boolean;
    try {
      retarget = channel.update(
        nominalHashRate,
        bytesToTarget(maximumTarget),
        instantOf(this.#context.clock),
      );
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
      this.#refuseUpdate(channelId, error.code);
      return;
    }
    if (retarget) this.#context.onRetarget(channel);
  }

  #refuseUpdate(channelId: number, errorCode: UpdateErrorCode): void {
    this.#reader.connection.send(encodeFrame(mining.UpdateChannelError, { channelId, errorCode }));
  }
}
