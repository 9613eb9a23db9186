import { bytesToTarget } from "@lode/bitcoin";
import {
  type AcceptedShare,
  type Channel,
  ChannelError,
  type Instant,
  instantOf,
  type ShareSubmission,
  shareErrors,
} from "@lode/mining";
import type { Timer } from "@lode/ports";
import { common, encodeFrame, mining } from "@lode/protocol";
import type { MiningEndReason } from "../../session/end-reasons.ts";
import type { MessageHandler, MessageReader } from "../../session/message-reader.ts";
import { printable } from "../../session/printable.ts";
import type { SetupMessage, SetupPeer } from "../../setup/server-setup.ts";
import type { OpenRequest, OpenRequester } from "../channels/open-queue.ts";
import { isClientsFault, type OpenRefusal } from "../channels/open-request.ts";
import { SessionChannels } from "../channels/session-channels.ts";
import type { JobFrames } from "../jobs/job-frames.ts";
import { SessionJobs } from "../jobs/session-jobs.ts";
import { PeerLimits } from "../pacing/peer-limits.ts";
import { type OpenErrorCode, type UpdateErrorCode, unknownChannel } from "./error-codes.ts";
import type { MinerMessage } from "./miner-messages.ts";
import type { SessionContext } from "./session-context.ts";
import { workerOf } from "./worker-name.ts";

/** One miner's connection, once it is set up: its channels, their jobs and shares. */
export class MiningSession implements MessageHandler<MinerMessage | SetupMessage>, OpenRequester {
  readonly #context: SessionContext;
  readonly #peer: SetupPeer;
  readonly #reader: MessageReader<MinerMessage | SetupMessage>;
  readonly #limits: PeerLimits;
  readonly #onEnd: (reason: string) => void;
  readonly #channels: SessionChannels;
  readonly #jobs: SessionJobs;
  /** Channels with durable shares that were not answered yet. */
  readonly #answerable: Channel[] = [];
  #hasDurable = false;
  /** Shares that were recorded and not acknowledged. */
  #unanswered = 0;
  /** Those of them that came before draining began: they are waited for. */
  #owed = 0;
  /** Set while draining: patience with what is unanswered. */
  #draining: Timer | undefined;

  constructor(
    context: SessionContext,
    peer: SetupPeer,
    reader: MessageReader<MinerMessage | SetupMessage>,
    onEnd: (reason: string) => void,
  ) {
    this.#context = context;
    this.#peer = peer;
    this.#reader = reader;
    this.#limits = new PeerLimits(context.settings);
    this.#channels = new SessionChannels(context, {
      connectionId: reader.connection.id,
      flags: peer.flags,
      subnet: context.subnetOf(reader.connection.remoteAddress),
      onIdle: () => this.#onIdle(),
    });
    this.#jobs = new SessionJobs(context, {
      connection: reader.connection,
      flags: peer.flags,
      channels: this.#channels,
      guard: (work) => this.#guard(work),
    });
    this.#onEnd = onEnd;
  }

  get id(): number {
    return this.#reader.connection.id;
  }

  /** Whether a new tip cannot wait for others. */
  get publishesFirst(): boolean {
    return !this.#channels.isHoarding;
  }

  onMessage(message: MinerMessage | SetupMessage): void {
    const isShare = message.name === "SubmitSharesExtended" || message.name === "SubmitSharesStandard";
    if (this.#draining !== undefined && !isShare) return;
    switch (message.name) {
      case "SubmitSharesExtended":
        this.#onExtendedShare(message.fields, message.tlvs);
        break;
      case "SubmitSharesStandard":
        this.#onStandardShare(message.fields);
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
        if (!this.#channels.close(message.fields.channelId, message.fields.reasonCode)) this.#onInvalid();
        break;
      case "SetCustomMiningJob": {
        const { channelId, requestId } = message.fields;
        const refusal = { channelId, requestId, errorCode: "jd-not-supported" };
        this.#reader.connection.send(encodeFrame(mining.SetCustomMiningJobError, refusal));
        this.#onInvalid();
        break;
      }
      default:
        this.#peer.onLateSetup(message);
    }
  }

  onDiscarded(): void {
    this.#judge(this.#limits.onUnknownMessage(this.#context.clock.monotonic()));
  }

  /** Tells the client why its channels end (SV2 5.3.9). */
  onEnding(reason: string): void {
    const reasonCode = printable(reason);
    for (const { id: channelId } of this.#channels.addressees()) {
      this.#reader.connection.send(encodeFrame(mining.CloseChannel, { channelId, reasonCode }));
    }
  }

  mayOpen(): boolean {
    return this.#limits.mayOpen(this.#context.clock.monotonic());
  }

  /** A request's turn has come. */
  open(opening: OpenRequest): void {
    if (this.#reader.ended || this.#draining !== undefined) return;
    this.#guard(() => {
      const channel = this.#channels.open(opening);
      if ("errorCode" in channel) {
        this.#refuseOpening(opening, channel);
        return;
      }
      const { logger, clock } = this.#context;
      const log = { conn_id: this.id, user_identity: printable(opening.userIdentity) };
      logger.debug({ ...log, channel_id: channel.id, kind: channel.kind }, "channel opened");
      this.#jobs.begin(opening.requestId, channel, instantOf(clock));
    });
  }

  onClose(reason: string): void {
    this.#jobs.stop();
    this.#context.openings.forget(this);
    this.#draining?.cancel();
    this.#context.logger.debug({ conn_id: this.id, reason }, "connection closed");
    try {
      this.#channels.end();
    } finally {
      this.#onEnd(reason);
    }
  }

  /** Hands a job to every channel that lacks it. @returns channels that were looked at */
  publish(frames: JobFrames, now: Instant): number {
    try {
      return this.#jobs.publish(frames, now);
    } catch (error) {
      this.#reader.contain(error);
      return 0;
    }
  }

  /** {@link SessionJobs.visit} */
  visit(channel: Channel, now: Instant, untilNextMs: number): void {
    try {
      this.#jobs.visit(channel, now, untilNextMs);
    } catch (error) {
      this.#reader.contain(error);
    }
  }

  /** {@link SessionJobs.retarget} */
  retarget(channel: Channel, now: Instant): void {
    try {
      this.#jobs.retarget(channel, now);
    } catch (error) {
      this.#reader.contain(error);
    }
  }

  /** {@link SessionJobs.moveExtranoncePrefix} */
  moveExtranoncePrefix(channelId: number, now: Instant): boolean {
    return this.#jobs.moveExtranoncePrefix(channelId, now);
  }

  /**
   * A share of this connection is durable. Nothing is said about a channel that is closed by now (SV2 5.3.9).
   *
   * @returns true when it is the first since {@link answer}, which must follow
   */
  onDurable(share: AcceptedShare): boolean {
    this.#unanswered--;
    // Shares become durable in the order in which they were recorded.
    this.#owed--;
    const channel = this.#channels.get(share.channelId);
    if (channel?.acknowledge(share)) this.#answerable.push(channel);
    const isFirst = !this.#hasDurable;
    this.#hasDurable = true;
    return isFirst;
  }

  /** Tells the client which shares are durable: one SubmitShares.Success a channel (SV2 5.3.13). */
  answer(): void {
    this.#hasDurable = false;
    try {
      for (const channel of this.#answerable) {
        const fields = { channelId: channel.id, ...channel.takeAcknowledgement()! };
        this.#reader.connection.send(encodeFrame(mining.SubmitSharesSuccess, fields));
      }
      this.#answerable.length = 0;
      this.#leaveIfAnswered();
    } catch (error) {
      this.#reader.contain(error);
    }
  }

  /** Ends the connection. */
  end(reason: MiningEndReason): void {
    this.#reader.end(reason);
  }

  /**
   * Waits for the answers to the shares that have arrived, then closes. Shares that arrive meanwhile are credited, and handed in
   * if they are blocks, but not waited for; everything else that arrives is left aside.
   */
  drain(): void {
    const { clock, settings } = this.#context;
    this.#reader.connection.readReceived();
    if (this.#reader.ended) return;
    if (this.#draining === undefined) this.#owed = this.#unanswered;
    this.#draining ??= clock.after(settings.drainAnswerMs, () => this.#leave());
    this.#leaveIfAnswered();
  }

  #leaveIfAnswered(): void {
    if (this.#draining === undefined || this.#owed > 0) return;
    this.#draining.cancel();
    this.#leave();
  }

  /** Reconnect goes first to vendors that understand it (SV2 3.6.5). */
  #leave(): void {
    if (this.#reader.ended) return;
    if (this.#context.settings.reconnectVendors.includes(this.#peer.vendor)) {
      this.#reader.connection.send(encodeFrame(common.Reconnect, { newHost: "", newPort: 0 }));
    }
    this.end("draining");
  }

  #onIdle(): void {
    // A request for a channel may have come, and wait to be read or for its turn.
    this.#reader.connection.readReceived();
    if (this.#context.openings.waitingOf(this) > 0) this.#channels.awaitOne();
    else if (this.#channels.isOverdue) this.end("no-channel");
  }

  #onInvalid(): void {
    this.#judge(this.#limits.onInvalidMessage(this.#context.clock.monotonic()));
  }

  /** Runs work that is not caused by a frame, containing what it throws. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#reader.contain(error);
    }
  }

  /** Ends a connection that did too much of what is refused. */
  #judge(reason: MiningEndReason | undefined): void {
    if (reason === undefined || this.#reader.ended) return;
    const { id: conn_id, remoteAddress: remote_address } = this.#reader.connection;
    this.#context.logger.info({ conn_id, remote_address, reason }, "connection closed for its limits");
    this.end(reason);
  }

  #onOpen(opening: OpenRequest): void {
    const { openings, clock, settings } = this.#context;
    const waiting = openings.waitingOf(this);
    const excess = this.#channels.size + waiting >= settings.maxChannelsPerConnection;
    // Whoever waits for nothing yet may always wait: crowds of others do not keep a newcomer out.
    if (!excess && (waiting === 0 || openings.size < settings.maxChannels)) {
      openings.add(this, opening);
      return;
    }
    const errorCode = "channel-capacity-exhausted" satisfies OpenErrorCode;
    this.#refuseOpening(opening, { errorCode, detail: "a cap on channels, those asked for included" });
    if (excess) this.#judge(this.#limits.onExcessOpening(clock.monotonic()));
  }

  #refuseOpening({ requestId, userIdentity }: OpenRequest, { errorCode, detail }: OpenRefusal): void {
    const { metrics, logger } = this.#context;
    const { connection } = this.#reader;
    metrics.refusedOpenings.inc(errorCode);
    const log = { conn_id: connection.id, user_identity: printable(userIdentity), error_code: errorCode };
    logger.info({ ...log, detail: printable(detail, 160) }, "channel refused");
    connection.send(encodeFrame(mining.OpenMiningChannelError, { requestId, errorCode }));
    if (isClientsFault(errorCode)) this.#onInvalid();
  }

  /** The fields are written out: spreading them took a third of all the time of a standard share. */
  #onStandardShare(fields: mining.SubmitSharesStandard): void {
    const { channelId, sequenceNumber, jobId, nonce, ntime, version } = fields;
    this.#onShare(channelId, { sequenceNumber, jobId, nonce, ntime, version, extranonce: null });
  }

  #onExtendedShare(fields: mining.SubmitSharesExtended, tlvs: Uint8Array): void {
    const worker = workerOf(tlvs, this.#peer.extensions.granted);
    if (worker === undefined) {
      this.#onShare(fields.channelId, fields);
      return;
    }
    const { channelId, sequenceNumber, jobId, nonce, ntime, version, extranonce } = fields;
    this.#onShare(channelId, { sequenceNumber, jobId, nonce, ntime, version, extranonce, worker });
  }

  #onShare(channelId: number, submission: ShareSubmission): void {
    const { metrics, clock, sink, rate } = this.#context;
    const channel = this.#channels.get(channelId);
    if (channel === undefined) {
      const answer = !this.#channels.wasClosed(channelId);
      this.#refuseShare(channelId, submission.sequenceNumber, unknownChannel, answer);
      return;
    }
    const now = instantOf(clock);
    const verdict = channel.checkShare(submission, now);
    if (verdict.block !== undefined) {
      metrics.blocksFound.inc();
      this.#context.onBlock(verdict.block);
    }
    if (!verdict.accepted) {
      this.#refuseShare(channelId, submission.sequenceNumber, verdict.code);
      return;
    }
    this.#channels.onEarned(channel);
    this.#limits.onAcceptedShare();
    metrics.onAccepted();
    rate.add(Number(verdict.share.work), now.monotonic);
    this.#unanswered++;
    sink.record(verdict.share);
    if (verdict.retarget) this.#jobs.retarget(channel, now);
  }

  #refuseShare(channelId: number, sequenceNumber: number, errorCode: string, answer = true): void {
    this.#context.metrics.onRejected(errorCode);
    const fields = { channelId, sequenceNumber, errorCode };
    if (answer) this.#reader.connection.send(encodeFrame(mining.SubmitSharesError, fields));
    // That the channel's memory is full is not the miner's doing.
    if (errorCode === shareErrors.tooMany) return;
    const now = this.#context.clock.monotonic();
    this.#judge(this.#limits.onRefusedShare(this.#channels.size, now));
  }

  #onUpdate({ channelId, nominalHashRate, maximumTarget }: mining.UpdateChannel): void {
    this.#judge(this.#limits.onUpdate(this.#channels.size, this.#context.clock.monotonic()));
    const channel = this.#channels.get(channelId);
    if (channel === undefined) {
      if (!this.#channels.wasClosed(channelId)) this.#refuseUpdate(channelId, unknownChannel);
      return;
    }
    const now = instantOf(this.#context.clock);
    let retarget: boolean;
    try {
      retarget = channel.update(nominalHashRate, bytesToTarget(maximumTarget), now);
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
      this.#refuseUpdate(channelId, error.code);
      return;
    }
    if (retarget) this.#jobs.retarget(channel, now);
  }

  #refuseUpdate(channelId: number, errorCode: UpdateErrorCode): void {
    this.#reader.connection.send(encodeFrame(mining.UpdateChannelError, { channelId, errorCode }));
    this.#onInvalid();
  }
}
