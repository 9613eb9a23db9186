import type { mining } from "@lode/protocol";
import type { MessageHandler } from "../session/message-reader.ts";
import { ClientChannel, type ServerViolation } from "./client-channel.ts";
import { type JobWork, merkleRootOf } from "./client-job.ts";
import type { MiningClientListener } from "./listener.ts";
import type { MiningServerMessage } from "./server-messages.ts";

/** Messages addressed to a channel, or to a group in place of its members. */
type ChannelMessage = Extract<MiningServerMessage, { fields: { channelId: number } }>;
type JobMessage = Extract<MiningServerMessage, { name: "NewMiningJob" | "NewExtendedMiningJob" }>;

/** Bytes of a message that outlive it, copied once for all members of its group. */
interface Kept {
  readonly prevHash?: Uint8Array;
  readonly coinbase?: Pick<
    Extract<JobWork, { kind: "extended" }>,
    "coinbaseTxPrefix" | "coinbaseTxSuffix" | "merklePath"
  >;
}

const NO_EXTRANONCE = new Uint8Array(0);

/** What a client makes of its server's messages: the state of its channels, and calls of its listener. */
export class ClientInbox implements MessageHandler<MiningServerMessage> {
  readonly #listener: MiningClientListener;
  readonly #channels = new Map<number, ClientChannel>();
  /** User identity of every request without an answer. */
  readonly #requests = new Map<number, string>();

  constructor(listener: MiningClientListener) {
    this.#listener = listener;
  }

  get channels(): ReadonlyMap<number, ClientChannel> {
    return this.#channels;
  }

  /** Notes a request for a channel that is about to be sent. */
  expect(requestId: number, userIdentity: string): void {
    this.#requests.set(requestId, userIdentity);
  }

  /** Drops a channel that the client closes; false when it is gone already. */
  forget(channel: ClientChannel): boolean {
    return this.#channels.delete(channel.id);
  }

  onClose(reason: string): void {
    this.#listener.onClose?.(reason);
  }

  onMessage(message: MiningServerMessage): void {
    switch (message.name) {
      case "OpenStandardMiningChannelSuccess":
        this.#onOpened(message.fields, "standard", 0);
        break;
      case "OpenExtendedMiningChannelSuccess":
        this.#onOpened(message.fields, "extended", message.fields.extranonceSize);
        break;
      case "OpenMiningChannelError":
        this.#requests.delete(message.fields.requestId);
        this.#listener.onOpenRefused?.(message.fields.requestId, message.fields.errorCode);
        break;
      case "SetGroupChannel":
        for (const id of message.fields.channelIds) {
          const channel = this.#channels.get(id);
          if (channel !== undefined) channel.groupChannelId = message.fields.groupChannelId;
        }
        break;
      default:
        this.#onChannelMessage(message);
    }
  }

  #onOpened(
    fields: mining.OpenStandardMiningChannelSuccess,
    kind: ClientChannel["kind"],
    extranonceSize: number,
  ): void {
    const { requestId, channelId, groupChannelId, extranoncePrefix, target } = fields;
    const userIdentity = this.#requests.get(requestId) ?? "";
    this.#requests.delete(requestId);
    const channel = new ClientChannel({
      id: channelId,
      kind,
      extranonceSize,
      userIdentity,
      groupChannelId,
      extranoncePrefix: extranoncePrefix.slice(),
      target: target.slice(),
    });
    this.#channels.set(channelId, channel);
    this.#listener.onOpened?.(channel, requestId);
  }

  /** A group's id stands for its members (SV2 5.2.3). */
  #onChannelMessage(message: ChannelMessage): void {
    const { channelId } = message.fields;
    const kept = keptOf(message);
    const channel = this.#channels.get(channelId);
    if (channel !== undefined) {
      this.#deliver(channel, message, kept);
      return;
    }
    const members = [...this.#channels.values()].filter((member) => member.groupChannelId === channelId);
    if (members.length === 0) this.#violated("unknown-channel", message);
    for (const member of members) this.#deliver(member, message, kept);
  }

  #deliver(channel: ClientChannel, message: ChannelMessage, kept: Kept): void {
    const listener = this.#listener;
    switch (message.name) {
      case "NewMiningJob":
      case "NewExtendedMiningJob":
        this.#onJob(channel, message, kept);
        break;
      case "SetNewPrevHash": {
        const { jobId, nbits, minNtime } = message.fields;
        const violation = channel.setNewPrevHash(jobId, kept.prevHash!, nbits, minNtime);
        if (violation !== undefined) this.#violated(violation, message);
        else listener.onJob?.(channel, channel.job!, true);
        break;
      }
      case "SetTarget":
        channel.target = message.fields.maximumTarget.slice();
        listener.onTarget?.(channel);
        break;
      case "SetExtranoncePrefix":
        channel.extranoncePrefix = message.fields.extranoncePrefix.slice();
        break;
      case "SubmitSharesSuccess":
        listener.onAccepted?.(channel, message.fields);
        break;
      case "SubmitSharesError":
        listener.onRejected?.(channel, message.fields);
        break;
      case "UpdateChannelError":
        listener.onUpdateRefused?.(channel, message.fields.errorCode);
        break;
      case "CloseChannel":
        this.#channels.delete(channel.id);
        listener.onChannelClosed?.(channel, message.fields.reasonCode);
        break;
    }
  }

  #onJob(channel: ClientChannel, message: JobMessage, kept: Kept): void {
    const { jobId, version, minNtime, channelId } = message.fields;
    const extended = message.name === "NewExtendedMiningJob";
    // SV2 5.3.15, 5.3.16: an extended job reaches a standard channel only through its group.
    const fits = extended
      ? channel.kind === "extended" || channelId !== channel.id
      : channel.kind === "standard";
    if (!fits) {
      this.#violated("wrong-kind-of-job", message);
      return;
    }
    const job = {
      jobId,
      version,
      versionRollingAllowed: extended ? message.fields.versionRollingAllowed : true,
      work: workOf(channel, message, kept),
    };
    const violation = channel.addJob(job, minNtime);
    if (violation !== undefined) this.#violated(violation, message);
    else if (minNtime !== null) this.#listener.onJob?.(channel, channel.job!, false);
  }

  #violated(violation: ServerViolation, message: ChannelMessage): void {
    this.#listener.onViolation?.(violation, message.name, message.fields.channelId);
  }
}

function keptOf(message: ChannelMessage): Kept {
  if (message.name === "SetNewPrevHash") return { prevHash: message.fields.prevHash.slice() };
  if (message.name !== "NewExtendedMiningJob") return {};
  const { coinbaseTxPrefix, coinbaseTxSuffix, merklePath } = message.fields;
  return {
    coinbase: {
      coinbaseTxPrefix: coinbaseTxPrefix.slice(),
      coinbaseTxSuffix: coinbaseTxSuffix.slice(),
      merklePath: merklePath.map((hash) => hash.slice()),
    },
  };
}

function workOf(channel: ClientChannel, message: JobMessage, kept: Kept): JobWork {
  if (message.name === "NewMiningJob")
    return { kind: "standard", merkleRoot: message.fields.merkleRoot.slice() };
  const work: JobWork = {
    kind: "extended",
    ...kept.coinbase!,
    extranoncePrefix: channel.extranoncePrefix,
  };
  // A standard channel mines an extended job of its group with its prefix alone (SV2 5.1.2.1).
  return channel.kind === "extended"
    ? work
    : { kind: "standard", merkleRoot: merkleRootOf(work, NO_EXTRANONCE) };
}
