import type { Clock, Logger, Metrics } from "@lode/ports";
import { encodeFrame, MiningSuccessFlags, mining, Protocol } from "@lode/protocol";
import type { FrameConnection } from "@lode/transport";
import { readerCounters } from "../session/message-reader.ts";
import { ClientSetup, type ClientSetupRequest } from "../setup/client-setup.ts";
import type { ClientChannel } from "./client-channel.ts";
import { ClientInbox } from "./client-inbox.ts";
import type { MiningClientListener } from "./listener.ts";
import { type MiningServerMessage, miningServerMessages } from "./server-messages.ts";

/** What a mining client needs. */
export interface MiningClientDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What a client says at the setup; extensions are asked for only where named. */
export type MiningClientRequest = Omit<ClientSetupRequest, "protocol">;

/** A wish for a channel. */
export interface ChannelRequest {
  readonly userIdentity: string;
  /** Hashes per second; 0 for a proxy without miners. */
  readonly nominalHashRate: number;
  /** Easiest target the client accepts, 32 bytes, little-endian; any when left out. */
  readonly maxTarget?: Uint8Array;
  /** For an extended channel: bytes needed behind the prefix. Left out: a standard channel. */
  readonly minExtranonceSize?: number;
}

/** What a share says. `extranonce` is the part behind the channel's prefix, only for extended channels. */
export interface ClientShare {
  readonly jobId: number;
  readonly nonce: number;
  readonly ntime: number;
  readonly version: number;
  readonly extranonce?: Uint8Array;
}

const SETUP_TIMEOUT_MS = 10_000;
const EXTENSIONS_TIMEOUT_MS = 2_000;
const ANY_TARGET = new Uint8Array(32).fill(0xff);

/**
 * The client side of the mining protocol over one connection: opens channels, follows their jobs and targets, hands in
 * shares. For simulated miners, load generators and tests; it does no mining itself.
 */
export class MiningClient {
  readonly #connection: FrameConnection;
  readonly #setup: ClientSetup<MiningServerMessage>;
  readonly #inbox: ClientInbox;
  #nextRequestId = 1;

  /** Starts the connection. Channels may be asked for from `onSetup` on. */
  constructor(
    connection: FrameConnection,
    request: MiningClientRequest,
    listener: MiningClientListener,
    { clock, logger, metrics }: MiningClientDeps,
  ) {
    this.#connection = connection;
    this.#inbox = new ClientInbox(listener);
    this.#setup = new ClientSetup<MiningServerMessage>(
      connection,
      {
        request: { ...request, protocol: Protocol.mining },
        acceptedFlags: MiningSuccessFlags.requiresFixedVersion | MiningSuccessFlags.requiresExtendedChannels,
        deadlineMs: SETUP_TIMEOUT_MS,
        extensionsDeadlineMs: EXTENSIONS_TIMEOUT_MS,
        decoder: miningServerMessages,
        open: (result) => {
          listener.onSetup?.(result);
          return this.#inbox;
        },
        onRefused: (reason, errorCode) => listener.onRefused?.(reason, errorCode),
      },
      { clock, logger, counters: readerCounters(metrics, "mining-client") },
    );
  }

  get channels(): ReadonlyMap<number, ClientChannel> {
    return this.#inbox.channels;
  }

  /** Asks for a channel. @returns the request's id, which comes back with `onOpened` or `onOpenRefused` */
  open(request: ChannelRequest): number {
    const requestId = this.#nextRequestId++;
    this.#inbox.expect(requestId, request.userIdentity);
    const { userIdentity, nominalHashRate, maxTarget = ANY_TARGET, minExtranonceSize } = request;
    const fields = { requestId, userIdentity, nominalHashRate, maxTarget };
    this.#connection.send(
      minExtranonceSize === undefined
        ? encodeFrame(mining.OpenStandardMiningChannel, fields)
        : encodeFrame(mining.OpenExtendedMiningChannel, { ...fields, minExtranonceSize }),
    );
    return requestId;
  }

  /** Hands in a share. @returns its sequence number on the channel */
  submit(channel: ClientChannel, share: ClientShare, tlvs?: Uint8Array): number {
    const sequenceNumber = channel.takeSequenceNumber();
    const { extranonce = new Uint8Array(0), jobId, nonce, ntime, version } = share;
    const fields = { channelId: channel.id, sequenceNumber, jobId, nonce, ntime, version };
    this.#connection.send(
      channel.kind === "standard"
        ? encodeFrame(mining.SubmitSharesStandard, fields, tlvs)
        : encodeFrame(mining.SubmitSharesExtended, { ...fields, extranonce }, tlvs),
    );
    return sequenceNumber;
  }

  /** Tells the server about a change of hash rate or of the easiest target. */
  update(channel: ClientChannel, nominalHashRate: number, maximumTarget: Uint8Array = ANY_TARGET): void {
    const fields = { channelId: channel.id, nominalHashRate, maximumTarget };
    this.#connection.send(encodeFrame(mining.UpdateChannel, fields));
  }

  closeChannel(channel: ClientChannel, reasonCode = "done"): void {
    if (!this.#inbox.forget(channel)) return;
    this.#connection.send(encodeFrame(mining.CloseChannel, { channelId: channel.id, reasonCode }));
  }

  close(reason: string): void {
    this.#setup.end(reason);
  }
}
