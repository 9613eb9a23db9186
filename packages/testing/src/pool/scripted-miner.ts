import { CodedError } from "@lode/ports";
import {
  common,
  type Decoded,
  encodeFrame,
  encodePayload,
  extensionsNegotiation,
  type Fields,
  type FrameHeader,
  HEADER_SIZE,
  type MessageDefinition,
  type MessageTable,
  messageTable,
  mining,
  PROTOCOL_VERSION,
  Protocol,
  writeFrameHeader,
} from "@lode/protocol";
import type { FrameConnection, FrameHandler } from "@lode/transport";
import { VIRTUAL_START } from "../virtual-clock.ts";

const fromServer = {
  SetupConnectionSuccess: common.SetupConnectionSuccess,
  SetupConnectionError: common.SetupConnectionError,
  Reconnect: common.Reconnect,
  RequestExtensionsSuccess: extensionsNegotiation.RequestExtensionsSuccess,
  RequestExtensionsError: extensionsNegotiation.RequestExtensionsError,
  OpenStandardMiningChannelSuccess: mining.OpenStandardMiningChannelSuccess,
  OpenExtendedMiningChannelSuccess: mining.OpenExtendedMiningChannelSuccess,
  OpenMiningChannelError: mining.OpenMiningChannelError,
  UpdateChannelError: mining.UpdateChannelError,
  CloseChannel: mining.CloseChannel,
  SetExtranoncePrefix: mining.SetExtranoncePrefix,
  SubmitSharesSuccess: mining.SubmitSharesSuccess,
  SubmitSharesError: mining.SubmitSharesError,
  NewMiningJob: mining.NewMiningJob,
  NewExtendedMiningJob: mining.NewExtendedMiningJob,
  SetNewPrevHash: mining.SetNewPrevHash,
  SetTarget: mining.SetTarget,
  SetCustomMiningJobSuccess: mining.SetCustomMiningJobSuccess,
  SetCustomMiningJobError: mining.SetCustomMiningJobError,
  SetGroupChannel: mining.SetGroupChannel,
} as const;

/** Reads what a mining server says. Throws DecodeError. */
export const serverMessages: MessageTable<(typeof fromServer)[keyof typeof fromServer]> =
  messageTable(fromServer);

/** Any message of a mining server. */
export type ServerMessage = Decoded<(typeof fromServer)[keyof typeof fromServer]>;
/** The fields of one of them. */
export type ServerFields<N extends ServerMessage["name"]> = Extract<ServerMessage, { name: N }>["fields"];

/** The script expected something else. `seen` lists the names of what did come. */
export class ScriptError extends CodedError<{
  code: "no-such-message";
  wanted: string;
  seen: string[];
  closed: string | null;
}> {}

/** A frame as it came: header and payload. */
export interface ReceivedFrame {
  readonly message: ServerMessage;
  readonly frame: Uint8Array;
}

/** A raw mining client: sends what it is told, in any order and state, and keeps what comes until the test takes it. */
export class ScriptedMiner implements FrameHandler {
  readonly connection: FrameConnection;
  /** Everything received and not taken yet, in order. */
  readonly inbox: ReceivedFrame[] = [];
  /** Why the connection ended; null while it is open. */
  closed: string | null = null;
  readonly #settle: () => void;

  /**
   * @param settle lets everything happen that needs no time to pass, such as `() => clock.settle()`; called before every
   *   look at the inbox
   */
  constructor(connection: FrameConnection, settle: () => void) {
    this.connection = connection;
    this.#settle = settle;
    connection.start(this);
  }

  onFrame(header: FrameHeader, payload: Uint8Array): void {
    const frame = new Uint8Array(HEADER_SIZE + payload.length);
    writeFrameHeader(frame, header);
    frame.set(payload, HEADER_SIZE);
    const message = serverMessages.decode(header, frame.subarray(HEADER_SIZE));
    if (message === undefined)
      throw new TypeError(`no message of a mining server: 0x${header.msgType.toString(16)}`);
    this.inbox.push({ message, frame });
  }

  onClose(reason: string): void {
    this.closed = reason;
  }

  send<D extends MessageDefinition>(definition: D, fields: Readonly<Fields<D>>, tlvs?: Uint8Array): this {
    this.connection.send(encodeFrame(definition, fields, tlvs));
    return this;
  }

  /** Sends a payload that need not be valid under a message's type. */
  sendPayload(definition: MessageDefinition, payload: Uint8Array): this {
    const { extensionType, channelMsg, msgType } = definition;
    return this.sendFrame({ extensionType, channelMsg, msgType }, payload);
  }

  /** Sends any payload under any type. */
  sendFrame(header: Omit<FrameHeader, "length">, payload: Uint8Array): this {
    const frame = new Uint8Array(HEADER_SIZE + payload.length);
    writeFrameHeader(frame, { ...header, length: payload.length });
    frame.set(payload, HEADER_SIZE);
    this.connection.send(frame);
    return this;
  }

  /** Takes the next message, which must be of this name. */
  take<N extends ServerMessage["name"]>(name: N): ServerFields<N> {
    this.#settle();
    const first = this.inbox[0];
    if (first?.message.name !== name) this.#fail(name);
    this.inbox.shift();
    return first!.message.fields as ServerFields<N>;
  }

  /** Takes every message that has come. */
  takeAll(): ServerMessage[] {
    this.#settle();
    return this.inbox.splice(0).map(({ message }) => message);
  }

  /** Names of everything that has come, taking it. */
  takeNames(): string[] {
    return this.takeAll().map(({ name }) => name);
  }

  /** SetupConnection; what comes back is the test's to take. */
  setup(fields: Partial<common.SetupConnection> = {}): this {
    return this.send(common.SetupConnection, { ...defaultSetup, ...fields });
  }

  /** Sets the connection up and takes the Success. */
  setUp(flags = 0, vendor = "scripted"): this {
    this.setup({ flags, vendor }).take("SetupConnectionSuccess");
    return this;
  }

  /** Asks for a standard channel and takes its Success; the first job and SetNewPrevHash stay in the inbox. */
  openStandard(
    fields: Partial<mining.OpenStandardMiningChannel> = {},
  ): ServerFields<"OpenStandardMiningChannelSuccess"> {
    this.send(mining.OpenStandardMiningChannel, { ...defaultOpening, ...fields });
    return this.take("OpenStandardMiningChannelSuccess");
  }

  /** Asks for an extended channel and takes its Success; the first job and SetNewPrevHash stay in the inbox. */
  openExtended(
    fields: Partial<mining.OpenExtendedMiningChannel> = {},
  ): ServerFields<"OpenExtendedMiningChannelSuccess"> {
    this.send(mining.OpenExtendedMiningChannel, { ...defaultOpening, minExtranonceSize: 8, ...fields });
    return this.take("OpenExtendedMiningChannelSuccess");
  }

  /** Asks for a channel that must be refused, and takes the code. */
  openRefused(
    definition: typeof mining.OpenStandardMiningChannel | typeof mining.OpenExtendedMiningChannel,
    fields: Partial<mining.OpenExtendedMiningChannel> = {},
  ): string {
    const opening = { ...defaultOpening, minExtranonceSize: 8, ...fields };
    this.sendPayload(definition, encodePayload(definition, opening));
    return this.take("OpenMiningChannelError").errorCode;
  }

  /** Hands in a share: by default of the first extended channel's first job, at the virtual clock's start. */
  submitExtended(sequenceNumber: number, fields: Partial<mining.SubmitSharesExtended> = {}): this {
    const share = { ...defaultShare, channelId: 2, jobId: 1, extranonce: new Uint8Array(16) };
    const own = { sequenceNumber, nonce: sequenceNumber };
    return this.send(mining.SubmitSharesExtended, { ...share, ...own, ...fields });
  }

  /** As {@link submitExtended}, by default of a standard channel that was opened second. */
  submitStandard(sequenceNumber: number, fields: Partial<mining.SubmitSharesStandard> = {}): this {
    const share = { ...defaultShare, channelId: 3, jobId: 2, sequenceNumber, nonce: sequenceNumber };
    return this.send(mining.SubmitSharesStandard, { ...share, ...fields });
  }

  #fail(wanted: string): never {
    const seen = this.inbox.map(({ message }) => message.name);
    const closed = this.closed;
    const text = `wanted ${wanted}, got [${seen.join(", ")}]${closed === null ? "" : `, closed: ${closed}`}`;
    throw new ScriptError({ code: "no-such-message", wanted, seen, closed }, text);
  }
}

const defaultSetup: common.SetupConnection = {
  protocol: Protocol.mining,
  minVersion: PROTOCOL_VERSION,
  maxVersion: PROTOCOL_VERSION,
  flags: 0,
  endpointHost: "pool.example",
  endpointPort: 3333,
  vendor: "scripted",
  hardwareVersion: "1",
  firmware: "test",
  deviceId: "",
};

const defaultShare = { ntime: VIRTUAL_START / 1000, version: 0x2000_0000 };

const defaultOpening: mining.OpenStandardMiningChannel = {
  requestId: 1,
  userIdentity: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.rig",
  nominalHashRate: 1e12,
  maxTarget: new Uint8Array(32).fill(0xff),
};
