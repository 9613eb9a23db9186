import type { Clock } from "@lode/ports";
import { encodeFrame, MiningFlags, mining } from "@lode/protocol";
import type { MessageHandler, MinerMessage, SetupMessage, SetupPeer } from "@lode/roles";
import { customJobErrorCodes, type MessageReader, unknownChannel } from "@lode/roles";
import type { NameBearer } from "../name-gate.ts";
import type { UpstreamLink } from "../upstream/upstream-link.ts";
import { RelayChannel, type RelayOwner } from "./relay-channel.ts";

/** What all Stratum V2 connections of a proxy share. */
export interface Sv2Context {
  readonly clock: Clock;
  /** The pool in use; undefined without one. */
  link(): UpstreamLink | undefined;
  /** The user_identity upstream for a miner's. */
  identityOf(userIdentity: string): string;
  /** Has the pool asked about a name now or later. @returns why it is not asked; undefined when it is */
  enter(bearer: NameBearer): string | undefined;
  onNameAccepted(identity: string): void;
  onNameRefused(identity: string, errorCode: string): void;
  onForwarded(): void;
  onAccepted(count: number): void;
  onRefused(errorCode: string): void;
  onBlock(): void;
  onClosed(session: Sv2Session): void;
}

/** One Stratum V2 connection behind the proxy: its channels, each relayed to one upstream. */
export class Sv2Session implements MessageHandler<MinerMessage | SetupMessage>, RelayOwner {
  readonly #peer: SetupPeer;
  readonly #reader: MessageReader<MinerMessage | SetupMessage>;
  readonly #context: Sv2Context;
  readonly #channels = new Map<number, RelayChannel>();
  /** Strikes that are left; accepted shares give some back. */
  #patience = MOST_PATIENCE;
  #nextChannelId = FIRST_CHANNEL_ID;

  constructor(peer: SetupPeer, reader: MessageReader<MinerMessage | SetupMessage>, context: Sv2Context) {
    this.#peer = peer;
    this.#reader = reader;
    this.#context = context;
  }

  get channels(): number {
    return this.#channels.size;
  }

  /** When the oldest share without an answer was handed in, monotonic milliseconds. */
  get waitingSince(): number | undefined {
    let oldest: number | undefined;
    for (const { waitingSince } of this.#channels.values()) {
      if (waitingSince !== undefined && (oldest === undefined || waitingSince < oldest))
        oldest = waitingSince;
    }
    return oldest;
  }

  /** Whether channels of it are open over this link. */
  uses(link: UpstreamLink): boolean {
    for (const channel of this.#channels.values()) if (channel.link === link) return true;
    return false;
  }

  /** Ends the connection; its channels upstream are closed. */
  end(reason: string): void {
    this.#reader.end(reason);
  }

  onMessage(message: MinerMessage | SetupMessage): void {
    switch (message.name) {
      case "SetupConnection":
      case "RequestExtensions":
        this.#peer.onLateSetup(message);
        break;
      case "OpenStandardMiningChannel":
        this.#open(message.fields, undefined);
        break;
      case "OpenExtendedMiningChannel":
        if ((this.#peer.flags & MiningFlags.requiresStandardJobs) !== 0) {
          const errorCode = "extended-channels-not-supported-for-standard-jobs";
          this.#refuseOpening(message.fields.requestId, errorCode);
        } else this.#open(message.fields, message.fields.minExtranonceSize);
        break;
      case "UpdateChannel": {
        const { channelId, nominalHashRate, maximumTarget } = message.fields;
        const channel = this.#channels.get(channelId);
        if (channel !== undefined) channel.update(nominalHashRate, maximumTarget.slice());
        else {
          this.send(encodeFrame(mining.UpdateChannelError, { channelId, errorCode: unknownChannel }));
          this.#strike();
        }
        break;
      }
      case "CloseChannel":
        this.#channels.get(message.fields.channelId)?.close();
        this.#channels.delete(message.fields.channelId);
        break;
      case "SubmitSharesStandard":
        this.#onShare({ ...message.fields, extranonce: NO_EXTRANONCE });
        break;
      case "SubmitSharesExtended":
        this.#onShare(message.fields);
        break;
      case "SetCustomMiningJob": {
        const { channelId, requestId } = message.fields;
        const errorCode = Object.keys(customJobErrorCodes)[0]!;
        this.send(encodeFrame(mining.SetCustomMiningJobError, { channelId, requestId, errorCode }));
        break;
      }
    }
  }

  onClose(): void {
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
    this.#context.onClosed(this);
  }

  now(): number {
    return this.#context.clock.now();
  }

  monotonic(): number {
    return this.#context.clock.monotonic();
  }

  send(frame: Uint8Array): void {
    this.#reader.connection.send(frame);
  }

  onGone(channel: RelayChannel, wasOpen: boolean): void {
    this.#channels.delete(channel.id);
    if (!wasOpen) this.#strike();
    // Some firmware ignores CloseChannel and would mine for nobody.
    else if (this.#channels.size === 0) this.end("channel-closed");
  }

  onNameAccepted(identity: string): void {
    this.#context.onNameAccepted(identity);
  }

  onNameRefused(identity: string, errorCode: string): void {
    this.#context.onNameRefused(identity, errorCode);
  }

  onForwarded(): void {
    this.#context.onForwarded();
  }

  onAccepted(count: number): void {
    this.#patience = Math.min(MOST_PATIENCE, this.#patience + count);
    this.#context.onAccepted(count);
  }

  onRefused(errorCode: string): void {
    this.#context.onRefused(errorCode);
    // Stale shares come of new blocks.
    if (errorCode !== "stale-share") this.#strike();
  }

  onBlock(): void {
    this.#context.onBlock();
  }

  #open(
    { requestId, userIdentity, nominalHashRate, maxTarget }: mining.OpenStandardMiningChannel,
    minExtranonceSize: number | undefined,
  ): void {
    const link = this.#context.link();
    if (link === undefined) {
      this.#refuseOpening(requestId, "pool-not-ready");
      return;
    }
    if (this.#channels.size >= MOST_CHANNELS) {
      this.#refuseOpening(requestId, "channel-capacity-exhausted");
      return;
    }
    const identity = this.#context.identityOf(userIdentity);
    const channel = new RelayChannel(this.#nextChannelId++, { requestId, identity }, link, this);
    this.#channels.set(channel.id, channel);
    const request = {
      userIdentity: identity,
      nominalHashRate,
      maxTarget: maxTarget.slice(),
      ...(minExtranonceSize === undefined ? {} : { minExtranonceSize }),
    };
    const channels = this.#channels;
    const refusal = this.#context.enter({
      identity,
      remoteAddress: this.#reader.connection.remoteAddress,
      get isWaiting() {
        return link.isOpen && channels.has(channel.id);
      },
      ask: () => link.open(channel, request),
    });
    if (refusal === undefined) return;
    this.#channels.delete(channel.id);
    this.#refuseOpening(requestId, "unknown-user");
  }

  #refuseOpening(requestId: number, errorCode: string): void {
    this.send(encodeFrame(mining.OpenMiningChannelError, { requestId, errorCode }));
    this.#strike();
  }

  #onShare(share: mining.SubmitSharesStandard & { readonly extranonce: Uint8Array }): void {
    const channel = this.#channels.get(share.channelId);
    if (channel !== undefined) {
      channel.onShare(share);
      return;
    }
    const { channelId, sequenceNumber } = share;
    this.send(
      encodeFrame(mining.SubmitSharesError, { channelId, sequenceNumber, errorCode: unknownChannel }),
    );
    this.onRefused(unknownChannel);
  }

  #strike(): void {
    this.#patience -= 1;
    if (this.#patience < 0) this.end("too-many-invalid-messages");
  }
}

const NO_EXTRANONCE = new Uint8Array(0);
const FIRST_CHANNEL_ID = 2;
/** Channels of one connection. */
const MOST_CHANNELS = 10_000;
const MOST_PATIENCE = 500;
