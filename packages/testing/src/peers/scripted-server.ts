import { maxTarget, targetToBytes } from "@lode/bitcoin";
import {
  common,
  encodeFrame,
  type Fields,
  type FrameHeader,
  type MessageDefinition,
  type MessageTable,
  messageTable,
  mining,
  PROTOCOL_VERSION,
} from "@lode/protocol";
import type { FrameConnection, FrameHandler } from "@lode/transport";
import { memoryPair } from "@lode/transport/testing";
import { VirtualClock } from "../virtual-clock.ts";
import type { PeerOptions } from "./peer.ts";
import { Scale } from "./scale.ts";

const fromClient = {
  SetupConnection: common.SetupConnection,
  OpenStandardMiningChannel: mining.OpenStandardMiningChannel,
  OpenExtendedMiningChannel: mining.OpenExtendedMiningChannel,
  UpdateChannel: mining.UpdateChannel,
  CloseChannel: mining.CloseChannel,
  SubmitSharesStandard: mining.SubmitSharesStandard,
  SubmitSharesExtended: mining.SubmitSharesExtended,
} as const;
const clientMessages: MessageTable<(typeof fromClient)[keyof typeof fromClient]> = messageTable(fromClient);
type ClientMessage = NonNullable<ReturnType<typeof clientMessages.decode>>;

/** Every hash meets it. */
export const ANY: Uint8Array = targetToBytes(maxTarget);
/** No hash meets it. */
export const NONE: Uint8Array = targetToBytes(1n);

/** A server that makes mistakes on demand, to see whether a scripted peer notices. */
export class ScriptedServer implements FrameHandler {
  readonly clock: VirtualClock = new VirtualClock();
  readonly inbox: ClientMessage[] = [];
  readonly #connection: FrameConnection;
  readonly #client: FrameConnection;

  constructor() {
    const [server, client] = memoryPair(this.clock);
    this.#connection = server;
    this.#client = client;
    server.start(this);
  }

  /** For the peer. */
  get options(): PeerOptions {
    return { connection: this.#client, clock: this.clock, name: "peer", user: "user", scale: new Scale() };
  }

  onFrame(header: FrameHeader, payload: Uint8Array): void {
    const message = clientMessages.decode(header, payload.slice());
    if (message !== undefined) this.inbox.push(message);
  }

  onClose(): void {}

  /** Shares handed in so far. */
  get shares(): number {
    return this.inbox.filter(({ name }) => name.startsWith("SubmitShares")).length;
  }

  send<D extends MessageDefinition>(definition: D, fields: Readonly<Fields<D>>): this {
    return this.sendFrame(encodeFrame(definition, fields));
  }

  /** A frame as it is, right or wrong. */
  sendFrame(frame: Uint8Array): this {
    this.#connection.send(frame);
    this.clock.settle();
    return this;
  }

  /** Answers the setup. */
  setUp(): this {
    this.clock.settle();
    return this.send(common.SetupConnectionSuccess, { usedVersion: PROTOCOL_VERSION, flags: 0 });
  }

  /** Opens an extended channel in group 1. */
  openExtended(fields: Partial<mining.OpenExtendedMiningChannelSuccess> = {}): this {
    return this.send(mining.OpenExtendedMiningChannelSuccess, {
      requestId: 1,
      channelId: 2,
      target: ANY,
      extranonceSize: 16,
      extranoncePrefix: Uint8Array.of(1, 2, 3, 4),
      groupChannelId: 1,
      ...fields,
    });
  }

  /** Opens a standard channel in group 1. */
  openStandard(fields: Partial<mining.OpenStandardMiningChannelSuccess> = {}): this {
    return this.send(mining.OpenStandardMiningChannelSuccess, {
      requestId: 1,
      channelId: 2,
      target: ANY,
      extranoncePrefix: new Uint8Array(20),
      groupChannelId: 1,
      ...fields,
    });
  }

  extendedJob(jobId: number, fields: Partial<mining.NewExtendedMiningJob> = {}): this {
    return this.send(mining.NewExtendedMiningJob, {
      channelId: 2,
      jobId,
      minNtime: null,
      version: 0x2000_0000,
      versionRollingAllowed: true,
      merklePath: [],
      coinbaseTxPrefix: new Uint8Array(60),
      coinbaseTxSuffix: new Uint8Array(60),
      ...fields,
    });
  }

  standardJob(jobId: number, fields: Partial<mining.NewMiningJob> = {}): this {
    const merkleRoot = new Uint8Array(32).fill(jobId);
    const job = { channelId: 2, jobId, minNtime: null, version: 0x2000_0000, merkleRoot };
    return this.send(mining.NewMiningJob, { ...job, ...fields });
  }

  prevHash(jobId: number, fields: Partial<mining.SetNewPrevHash> = {}): this {
    const prevHash = new Uint8Array(32).fill(jobId);
    const tip = { channelId: 2, jobId, prevHash, minNtime: 1_000, nbits: 0x1703_0ecd };
    return this.send(mining.SetNewPrevHash, { ...tip, ...fields });
  }

  target(maximumTarget: Uint8Array, channelId = 2): this {
    return this.send(mining.SetTarget, { channelId, maximumTarget });
  }

  /** Lets the peer mine for a while. @returns shares that came meanwhile */
  wait(ms: number): number {
    const before = this.shares;
    this.clock.advance(ms);
    return this.shares - before;
  }
}
