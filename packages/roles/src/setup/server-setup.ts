import type { Clock, Logger, Timer } from "@lode/ports";
import { common, encodeFrame, extensionsNegotiation, PROTOCOL_VERSION } from "@lode/protocol";
import type { FrameConnection } from "@lode/transport";
import type { EndReason } from "../session/end-reasons.ts";
import {
  type Decoder,
  type MessageHandler,
  MessageReader,
  type ReaderCounters,
} from "../session/message-reader.ts";
import { printable } from "../session/printable.ts";
import { ExtensionNegotiation, type ExtensionPolicy } from "./extension-negotiation.ts";

/** Messages every server's table must hold: `messageTable({ ...setupDefinitions, … })`. */
export const setupDefinitions = {
  SetupConnection: common.SetupConnection,
  RequestExtensions: extensionsNegotiation.RequestExtensions,
} as const;

/** The messages of {@link setupDefinitions}. */
export type SetupMessage =
  | { readonly name: "SetupConnection"; readonly fields: common.SetupConnection }
  | { readonly name: "RequestExtensions"; readonly fields: extensionsNegotiation.RequestExtensions };

/** A client that is refused may ask again (0x0001, 3.1), but not for ever. */
const MAX_REQUESTS = 10;

/** What SetupConnection.Error may say. */
export type SetupErrorCode =
  | "unsupported-protocol"
  | "protocol-version-mismatch"
  | "unsupported-feature-flags";

/** A client that is set up. Texts are as received: cut and escape before logging. */
export interface SetupPeer {
  readonly flags: number;
  readonly vendor: string;
  readonly hardwareVersion: string;
  readonly firmware: string;
  readonly deviceId: string;
  readonly endpointHost: string;
  readonly endpointPort: number;
  /** What was negotiated; final once the first message has reached the session. */
  readonly extensions: ExtensionNegotiation;
  /** Setup messages that come when the connection is the session's go back here. */
  readonly onLateSetup: (message: SetupMessage) => void;
}

/** What distinguishes one role's server from another's. */
export interface ServerSetupPolicy<M extends { readonly name: string }> {
  /** The only `protocol` that is served here. */
  readonly protocol: number;
  /** Bits a client may set in `flags`. */
  readonly supportedFlags: number;
  /** `flags` of SetupConnection.Success for a client's flags. */
  readonly successFlags: (requested: number) => number;
  readonly extensions: ExtensionPolicy;
  /** Time for SetupConnection after the connection was accepted, milliseconds. */
  readonly deadlineMs: number;
  readonly decoder: Decoder<M | SetupMessage>;
  /** Called right after SetupConnection.Success was queued. Throwing closes the connection. */
  readonly open: (
    peer: SetupPeer,
    reader: MessageReader<M | SetupMessage>,
  ) => MessageHandler<M | SetupMessage>;
  /** The connection ended before it was set up. */
  readonly onAbandoned: (connection: FrameConnection, reason: string) => void;
}

/** Ports of a server setup. */
export interface ServerSetupPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReaderCounters;
}

/**
 * Server side of a new connection up to its session: SetupConnection within its deadline, the answer, RequestExtensions
 * right after. The first message of another kind hands the connection to the session.
 */
export class ServerSetup<M extends { readonly name: string }> implements MessageHandler<M | SetupMessage> {
  readonly #policy: ServerSetupPolicy<M>;
  readonly #logger: Logger;
  readonly #reader: MessageReader<M | SetupMessage>;
  readonly #extensions: ExtensionNegotiation;
  readonly #deadline: Timer;
  #session: MessageHandler<M | SetupMessage> | undefined;
  /** RequestExtensions received. */
  #requests = 0;

  /** Starts the connection. */
  constructor(connection: FrameConnection, policy: ServerSetupPolicy<M>, ports: ServerSetupPorts) {
    this.#policy = policy;
    this.#logger = ports.logger;
    this.#extensions = new ExtensionNegotiation(policy.extensions);
    this.#reader = new MessageReader(connection, policy.decoder, this, ports.logger, ports.counters);
    this.#deadline = ports.clock.after(policy.deadlineMs, () => this.#onDeadline());
    connection.start(this.#reader);
  }

  /** Ends a connection in whatever state it is. */
  end(reason: EndReason): void {
    this.#reader.end(reason);
  }

  onMessage(message: M | SetupMessage): void {
    const session = this.#session;
    if (isSetup(message, "SetupConnection")) this.#onSetupConnection(message.fields);
    else if (session === undefined) this.end("setup-missing");
    else if (isSetup(message, "RequestExtensions")) this.#onRequestExtensions(message.fields);
    else if (!this.#extensions.seal()) this.end("required-extensions-missing");
    else {
      this.#reader.handTo(session);
      session.onMessage(message);
    }
  }

  onDiscarded(): void {
    this.#session?.onDiscarded?.();
  }

  onEnding(reason: string): void {
    this.#session?.onEnding?.(reason);
  }

  onClose(reason: string): void {
    this.#deadline.cancel();
    if (this.#session === undefined) this.#policy.onAbandoned(this.#reader.connection, reason);
    else this.#session.onClose(reason);
  }

  #onDeadline(): void {
    // It may have come, and wait to be read.
    this.#reader.connection.readReceived();
    if (this.#session === undefined) this.end("setup-timeout");
  }

  #onSetupConnection(fields: common.SetupConnection): void {
    if (this.#session !== undefined) {
      this.end("setup-repeated");
      return;
    }
    const refusal = this.#refusal(fields);
    const connection = this.#reader.connection;
    const log = {
      conn_id: connection.id,
      remote_address: connection.remoteAddress,
      vendor: printable(fields.vendor),
      hardware_version: printable(fields.hardwareVersion),
      firmware: printable(fields.firmware),
      flags: fields.flags,
    };
    if (refusal !== undefined) {
      this.#logger.info({ ...log, error_code: refusal.errorCode }, "setup refused");
      connection.send(encodeFrame(common.SetupConnectionError, refusal));
      this.end("setup-refused");
      return;
    }
    this.#deadline.cancel();
    const flags = this.#policy.successFlags(fields.flags);
    connection.send(encodeFrame(common.SetupConnectionSuccess, { usedVersion: PROTOCOL_VERSION, flags }));
    this.#logger.debug(log, "connection set up");
    const onLateSetup = (message: SetupMessage) => this.onMessage(message);
    this.#session = this.#policy.open(peerOf(fields, this.#extensions, onLateSetup), this.#reader);
  }

  /** The rules of SV2 3.6.1–3.6.3 in order; flags are 0 unless they are the reason. */
  #refusal(fields: common.SetupConnection): { flags: number; errorCode: SetupErrorCode } | undefined {
    if (fields.protocol !== this.#policy.protocol) return { flags: 0, errorCode: "unsupported-protocol" };
    if (fields.minVersion > PROTOCOL_VERSION || fields.maxVersion < PROTOCOL_VERSION) {
      return { flags: 0, errorCode: "protocol-version-mismatch" };
    }
    const unsupported = (fields.flags & ~this.#policy.supportedFlags) >>> 0;
    return unsupported === 0 ? undefined : { flags: unsupported, errorCode: "unsupported-feature-flags" };
  }

  #onRequestExtensions(fields: extensionsNegotiation.RequestExtensions): void {
    if (++this.#requests > MAX_REQUESTS) {
      this.end("too-many-invalid-messages");
      return;
    }
    const answer = this.#extensions.request(fields);
    this.#reader.connection.send(
      answer.ok
        ? encodeFrame(extensionsNegotiation.RequestExtensionsSuccess, answer.fields)
        : encodeFrame(extensionsNegotiation.RequestExtensionsError, answer.fields),
    );
  }
}

function isSetup<N extends SetupMessage["name"]>(
  message: { readonly name: string },
  name: N,
): message is Extract<SetupMessage, { name: N }> {
  return message.name === name;
}

function peerOf(
  fields: common.SetupConnection,
  extensions: ExtensionNegotiation,
  onLateSetup: SetupPeer["onLateSetup"],
): SetupPeer {
  const { flags, vendor, hardwareVersion, firmware, deviceId, endpointHost, endpointPort } = fields;
  const said = { flags, vendor, hardwareVersion, firmware, deviceId, endpointHost, endpointPort };
  return { ...said, extensions, onLateSetup };
}
