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

/** Messages every client's table must hold: `messageTable({ ...setupAnswerDefinitions, … })`. */
export const setupAnswerDefinitions = {
  SetupConnectionSuccess: common.SetupConnectionSuccess,
  SetupConnectionError: common.SetupConnectionError,
  RequestExtensionsSuccess: extensionsNegotiation.RequestExtensionsSuccess,
  RequestExtensionsError: extensionsNegotiation.RequestExtensionsError,
} as const;

/** The messages of {@link setupAnswerDefinitions}. */
export type SetupAnswer =
  | { readonly name: "SetupConnectionSuccess"; readonly fields: common.SetupConnectionSuccess }
  | { readonly name: "SetupConnectionError"; readonly fields: common.SetupConnectionError }
  | {
      readonly name: "RequestExtensionsSuccess";
      readonly fields: extensionsNegotiation.RequestExtensionsSuccess;
    }
  | {
      readonly name: "RequestExtensionsError";
      readonly fields: extensionsNegotiation.RequestExtensionsError;
    };

/** What a client says of itself, and what it wants. */
export interface ClientSetupRequest {
  readonly protocol: number;
  readonly flags: number;
  readonly endpointHost?: string;
  readonly endpointPort?: number;
  /** Manufacturer and version: SV2 3.6.1 wants it always. */
  readonly vendor: string;
  readonly hardwareVersion?: string;
  readonly firmware?: string;
  /** Left out, nothing identifies the device. */
  readonly deviceId?: string;
  /** Extensions to ask for; with none, RequestExtensions is not sent. */
  readonly extensions?: readonly number[];
}

/** What the server granted. */
export interface ClientSetupResult {
  /** `flags` of SetupConnection.Success. */
  readonly flags: number;
  readonly extensions: ReadonlySet<number>;
}

/** What distinguishes one role's client from another's. */
export interface ClientSetupPolicy<M extends { readonly name: string }> {
  readonly request: ClientSetupRequest;
  /** Bits of the server's flags the client can live with. */
  readonly acceptedFlags: number;
  /** Time for the server's answer, milliseconds. */
  readonly deadlineMs: number;
  /** A server that does not know 0x0001 never answers RequestExtensions: after this the client goes on without. */
  readonly extensionsDeadlineMs: number;
  readonly decoder: Decoder<M | SetupAnswer>;
  readonly open: (result: ClientSetupResult, reader: MessageReader<M | SetupAnswer>) => MessageHandler<M>;
  /** The connection ended before it was set up. `errorCode` is the server's, cut and escaped. */
  readonly onRefused: (reason: string, errorCode: string | undefined) => void;
}

/** Ports of a client setup. */
export interface ClientSetupPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReaderCounters;
}

/** Client side of a new connection up to its session: SetupConnection, its answer, RequestExtensions when wanted. */
export class ClientSetup<M extends { readonly name: string }> implements MessageHandler<M | SetupAnswer> {
  readonly #policy: ClientSetupPolicy<M>;
  readonly #ports: ClientSetupPorts;
  readonly #reader: MessageReader<M | SetupAnswer>;
  #deadline: Timer;
  #granted: ClientSetupResult | undefined;
  #session: MessageHandler<M> | undefined;
  #errorCode: string | undefined;

  /** Starts the connection and sends SetupConnection. */
  constructor(connection: FrameConnection, policy: ClientSetupPolicy<M>, ports: ClientSetupPorts) {
    this.#policy = policy;
    this.#ports = ports;
    this.#reader = new MessageReader(connection, policy.decoder, this, ports.logger, ports.counters);
    this.#deadline = ports.clock.after(policy.deadlineMs, () =>
      this.#reader.end("setup-timeout" satisfies EndReason),
    );
    connection.start(this.#reader);
    const { protocol, flags, vendor, ...rest } = policy.request;
    connection.send(
      encodeFrame(common.SetupConnection, {
        protocol,
        minVersion: PROTOCOL_VERSION,
        maxVersion: PROTOCOL_VERSION,
        flags,
        endpointHost: rest.endpointHost ?? "",
        endpointPort: rest.endpointPort ?? 0,
        vendor,
        hardwareVersion: rest.hardwareVersion ?? "",
        firmware: rest.firmware ?? "",
        deviceId: rest.deviceId ?? "",
      }),
    );
  }

  /** Ends the connection in whatever state it is. */
  end(reason: string): void {
    this.#reader.end(reason);
  }

  onMessage(message: M | SetupAnswer): void {
    if (isAnswer(message)) this.#onAnswer(message);
    else if (this.#session !== undefined) this.#session.onMessage(message as M);
    else if (this.#granted === undefined) this.#reader.end("setup-missing" satisfies EndReason);
    // Else: the server began before it answered RequestExtensions, so it does not know the extension.
    else this.#open(this.#granted).onMessage(message as M);
  }

  onClose(reason: string): void {
    this.#deadline.cancel();
    if (this.#session !== undefined) this.#session.onClose(reason);
    else this.#policy.onRefused(reason, this.#errorCode);
  }

  #onAnswer(message: SetupAnswer): void {
    // An answer nobody waits for changes nothing.
    if (this.#session !== undefined) return;
    if (message.name === "SetupConnectionError") {
      this.#errorCode = printable(message.fields.errorCode);
      this.#reader.end("setup-refused" satisfies EndReason);
    } else if (message.name === "SetupConnectionSuccess") this.#onSuccess(message.fields);
    else if (this.#granted !== undefined) this.#onExtensions(this.#granted, message);
    else this.#reader.end("setup-missing" satisfies EndReason);
  }

  #onSuccess({ usedVersion, flags }: common.SetupConnectionSuccess): void {
    if (this.#granted !== undefined) return;
    if (usedVersion !== PROTOCOL_VERSION || (flags & ~this.#policy.acceptedFlags) !== 0) {
      this.#errorCode =
        usedVersion !== PROTOCOL_VERSION ? "protocol-version-mismatch" : "unsupported-feature-flags";
      this.#reader.end("setup-refused" satisfies EndReason);
      return;
    }
    this.#deadline.cancel();
    const granted = { flags, extensions: new Set<number>() };
    this.#granted = granted;
    const requestedExtensions = [...(this.#policy.request.extensions ?? [])];
    if (requestedExtensions.length === 0) {
      this.#open(granted);
      return;
    }
    this.#deadline = this.#ports.clock.after(this.#policy.extensionsDeadlineMs, () => this.#open(granted));
    const request = { requestId: 0, requestedExtensions };
    this.#reader.connection.send(encodeFrame(extensionsNegotiation.RequestExtensions, request));
  }

  #onExtensions(
    granted: ClientSetupResult,
    answer: Extract<SetupAnswer, { name: `RequestExtensions${string}` }>,
  ): void {
    if (answer.name === "RequestExtensionsSuccess") {
      const requested = this.#policy.request.extensions ?? [];
      const supported = new Set(answer.fields.supportedExtensions);
      this.#open({
        ...granted,
        extensions: new Set(requested.filter((extension) => supported.has(extension))),
      });
    } else if (answer.fields.requiredExtensions.length > 0) {
      this.#errorCode = "required-extensions-missing";
      this.#reader.end("setup-refused" satisfies EndReason);
    } else this.#open(granted);
  }

  #open(result: ClientSetupResult): MessageHandler<M> {
    this.#deadline.cancel();
    this.#session = this.#policy.open(result, this.#reader);
    return this.#session;
  }
}

const answers: ReadonlySet<string> = new Set(Object.keys(setupAnswerDefinitions));

function isAnswer(message: { readonly name: string }): message is SetupAnswer {
  return answers.has(message.name);
}
