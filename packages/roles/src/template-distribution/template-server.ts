import type { Clock, Logger, Metrics, Timer } from "@lode/ports";
import { encodeFrame, messageTable, Protocol, templateDistribution } from "@lode/protocol";
import type { FrameConnection } from "@lode/transport";
import type { EndReason } from "../session/end-reasons.ts";
import { type MessageHandler, readerCounters } from "../session/message-reader.ts";
import { noExtensions } from "../setup/extension-negotiation.ts";
import { ServerSetup, type SetupMessage, setupDefinitions } from "../setup/server-setup.ts";

/** A template with everything the protocol may be asked about it. */
export interface ProvidedTemplate {
  readonly message: templateDistribution.NewTemplate;
  /** Transactions but the coinbase, serialised with witness, in block order. */
  readonly transactions: readonly Uint8Array[];
}

/** What the session needs from the template provider. */
export interface TemplateProviderPort {
  /**
   * A client has said how much room it needs; from now on it is served. Called again when the client changes its mind.
   * The provider answers by {@link TemplateServerSession.sendTip} as soon as it can.
   */
  onConstraints(session: TemplateServerSession, maxAdditionalSize: number, maxAdditionalSigops: number): void;
  /** Undefined: never known, or no longer kept. */
  transactions(templateId: bigint): readonly Uint8Array[] | undefined | "stale";
  onSolution(session: TemplateServerSession, solution: templateDistribution.SubmitSolution): void;
  onClose(session: TemplateServerSession, reason: string): void;
}

export interface TemplateServerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const SETUP_WITHIN_MS = 10_000;
/** SV2 7.1: a client MUST send its constraints immediately after the setup. */
const CONSTRAINTS_WITHIN_MS = 30_000;
/** Weight limit of a block: nobody can need more room. */
const MAX_ADDITIONAL_SIZE = 1_000_000;

const sessionDefinitions = {
  CoinbaseOutputConstraints: templateDistribution.CoinbaseOutputConstraints,
  RequestTransactionData: templateDistribution.RequestTransactionData,
  SubmitSolution: templateDistribution.SubmitSolution,
} as const;
const fromClient = messageTable({ ...setupDefinitions, ...sessionDefinitions });
type FromClient = Exclude<NonNullable<ReturnType<typeof fromClient.decode>>, { name: SetupMessage["name"] }>;

/** Payload caps of what a template client may send: hand it to the connection. */
export const templateClientMaxLength = fromClient.maxLength;

/** One client of a Template Distribution server (SV2 chapter 7). */
export class TemplateServerSession implements MessageHandler<FromClient | SetupMessage> {
  readonly #connection: FrameConnection;
  readonly #provider: TemplateProviderPort;
  readonly #setup: ServerSetup<FromClient>;
  #deadline: Timer | undefined;

  constructor(connection: FrameConnection, options: TemplateServerOptions, provider: TemplateProviderPort) {
    this.#connection = connection;
    this.#provider = provider;
    const { clock, logger, metrics } = options;
    this.#setup = new ServerSetup<FromClient>(
      connection,
      {
        protocol: Protocol.templateDistribution,
        // Flags mean nothing in this protocol; sv2-tp ignores them, and a client must not fail over them here.
        supportedFlags: 0xffff_ffff,
        successFlags: () => 0,
        extensions: noExtensions,
        deadlineMs: SETUP_WITHIN_MS,
        decoder: fromClient,
        open: () => {
          this.#deadline = clock.after(CONSTRAINTS_WITHIN_MS, () => this.#setup.end("constraints-timeout"));
          return this;
        },
        onAbandoned: (_connection, reason) => provider.onClose(this, reason),
      },
      { clock, logger, counters: readerCounters(metrics, "template-server") },
    );
  }

  get id(): number {
    return this.#connection.id;
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }

  /** A better template for the current tip. */
  sendTemplate(template: templateDistribution.NewTemplate): void {
    this.#connection.send(encodeFrame(templateDistribution.NewTemplate, template));
    this.#connection.flush();
  }

  /** A new tip: the future template and the SetNewPrevHash that activates it, in one write. */
  sendTip(template: templateDistribution.NewTemplate, prevHash: templateDistribution.SetNewPrevHash): void {
    this.#connection.send(
      encodeFrame(templateDistribution.NewTemplate, { ...template, futureTemplate: true }),
    );
    this.#connection.send(encodeFrame(templateDistribution.SetNewPrevHash, prevHash));
    this.#connection.flush();
  }

  close(reason: EndReason): void {
    this.#setup.end(reason);
  }

  onMessage(message: FromClient | SetupMessage): void {
    switch (message.name) {
      case "CoinbaseOutputConstraints": {
        const { coinbaseOutputMaxAdditionalSize: size, coinbaseOutputMaxAdditionalSigops: sigops } =
          message.fields;
        if (size > MAX_ADDITIONAL_SIZE) {
          this.#setup.end("constraints-too-large");
          return;
        }
        this.#deadline?.cancel();
        this.#provider.onConstraints(this, size, sigops);
        break;
      }
      case "RequestTransactionData":
        this.#onRequest(message.fields.templateId);
        break;
      case "SubmitSolution":
        this.#provider.onSolution(this, { ...message.fields, coinbaseTx: message.fields.coinbaseTx.slice() });
        break;
      default:
        this.#setup.onMessage(message);
    }
  }

  onClose(reason: string): void {
    this.#deadline?.cancel();
    this.#provider.onClose(this, reason);
  }

  #onRequest(templateId: bigint): void {
    const found = this.#provider.transactions(templateId);
    if (found === undefined || found === "stale") {
      const errorCode = found === "stale" ? "stale-template-id" : "template-id-not-found";
      this.#connection.send(
        encodeFrame(templateDistribution.RequestTransactionDataError, { templateId, errorCode }),
      );
      return;
    }
    this.#connection.send(
      encodeFrame(templateDistribution.RequestTransactionDataSuccess, {
        templateId,
        excessData: new Uint8Array(32),
        transactionList: [...found],
      }),
    );
  }
}
