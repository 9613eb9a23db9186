import { bytesToTarget, heightFromBip34 } from "@lode/bitcoin";
import type { Template, Tip } from "@lode/mining";
import type { Clock, Logger, Metrics, Timer } from "@lode/ports";
import { encodeFrame, messageTable, Protocol, templateDistribution } from "@lode/protocol";
import type { FrameConnection } from "@lode/transport";
import type { EndReason } from "../session/end-reasons.ts";
import { type MessageHandler, readerCounters } from "../session/message-reader.ts";
import { ClientSetup, type SetupAnswer, setupAnswerDefinitions } from "../setup/client-setup.ts";

/** What a template client tells its owner. Calls come in the order of the messages. */
export interface TemplateClientListener {
  /** A template to be kept: to mine on at once (`future` false), or after the SetNewPrevHash that names it. */
  onTemplate(template: Template, future: boolean): void;
  /** A new best block; `templateId` is the template to mine on it. */
  onPrevHash(templateId: bigint, tip: Tip): void;
  /** Transactions of a template but the coinbase, in block order; null: the server does not have them (any more). */
  onTransactions(templateId: bigint, transactions: readonly Uint8Array[] | null): void;
  /** The connection is over; nothing follows. */
  onClose(reason: string): void;
}

export interface TemplateClientOptions {
  /** Name of the source: becomes {@link Template.sourceId}. */
  readonly sourceId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Room for our coinbase outputs, serialized bytes (SV2 7.1). */
  readonly coinbaseOutputMaxAdditionalSize: number;
  /** Sigop cost (BIP141), as Bitcoin Core and the reference implementation count: 4 for each legacy sigop. */
  readonly coinbaseOutputMaxAdditionalSigops: number;
  /** A server that has sent no SetNewPrevHash this long after the constraints has failed, milliseconds. */
  readonly firstTemplateWithinMs: number;
  readonly vendor: string;
}

const SETUP_WITHIN_MS = 10_000;
/** Serialised transactions come as one frame of up to 16 MB; one request is outstanding at a time. */
const REQUESTS_QUEUED = 64;
/** A request without an answer for this long is given up, so that the next ones are not held up. */
const REQUEST_WITHIN_MS = 60_000;

const sessionDefinitions = {
  NewTemplate: templateDistribution.NewTemplate,
  SetNewPrevHash: templateDistribution.SetNewPrevHash,
  RequestTransactionDataSuccess: templateDistribution.RequestTransactionDataSuccess,
  RequestTransactionDataError: templateDistribution.RequestTransactionDataError,
} as const;
const fromServer = messageTable({ ...setupAnswerDefinitions, ...sessionDefinitions });
type FromServer = Exclude<NonNullable<ReturnType<typeof fromServer.decode>>, { name: SetupAnswer["name"] }>;

/** Payload caps of what a template server may send: hand it to the connection. */
export const templateServerMaxLength = fromServer.maxLength;

/**
 * Client side of the Template Distribution Protocol, for our own template provider and for sv2-tp. No extensions are
 * negotiated: sv2-tp would read RequestExtensions as a second SetupConnection.
 */
export class TemplateClient implements MessageHandler<FromServer> {
  readonly #connection: FrameConnection;
  readonly #options: TemplateClientOptions;
  readonly #listener: TemplateClientListener;
  readonly #setup: ClientSetup<FromServer>;
  #deadline: Timer | undefined;
  #open = false;
  /** Height of the template that the last SetNewPrevHash activated. */
  #tipHeight: number | undefined;
  readonly #heights = new Map<bigint, number>();
  readonly #requests: bigint[] = [];
  #requestDeadline: Timer | undefined;

  constructor(connection: FrameConnection, options: TemplateClientOptions, listener: TemplateClientListener) {
    this.#connection = connection;
    this.#options = options;
    this.#listener = listener;
    const { clock, logger, metrics } = options;
    this.#setup = new ClientSetup<FromServer>(
      connection,
      {
        request: { protocol: Protocol.templateDistribution, flags: 0, vendor: options.vendor },
        // No flag of this protocol means anything to a client (SV2 chapter 7 defines none).
        acceptedFlags: 0xffff_ffff,
        deadlineMs: SETUP_WITHIN_MS,
        extensionsDeadlineMs: SETUP_WITHIN_MS,
        decoder: fromServer,
        open: () => this.#onSetup(),
        onRefused: (reason, errorCode) =>
          listener.onClose(errorCode === undefined ? reason : `${reason}: ${errorCode}`),
      },
      { clock, logger, counters: readerCounters(metrics, "template-client") },
    );
  }

  /** Hands in a block (SV2 7.7). There is no answer. */
  submitSolution(solution: templateDistribution.SubmitSolution): void {
    if (!this.#open) return;
    this.#connection.send(encodeFrame(templateDistribution.SubmitSolution, solution));
    this.#connection.flush();
  }

  /** Asks for a template's transactions; the answer comes through `onTransactions`, one request at a time. */
  requestTransactions(templateId: bigint): void {
    if (!this.#open || this.#requests.includes(templateId)) return;
    if (this.#requests.length >= REQUESTS_QUEUED) {
      this.#listener.onTransactions(templateId, null);
      return;
    }
    this.#requests.push(templateId);
    if (this.#requests.length === 1) this.#sendRequest(templateId);
  }

  close(reason: EndReason): void {
    this.#setup.end(reason);
  }

  #sendRequest(templateId: bigint): void {
    this.#connection.send(encodeFrame(templateDistribution.RequestTransactionData, { templateId }));
    this.#requestDeadline = this.#options.clock.after(REQUEST_WITHIN_MS, () =>
      this.#onTransactionAnswer(templateId, null),
    );
  }

  onMessage(message: FromServer): void {
    switch (message.name) {
      case "NewTemplate":
        this.#onNewTemplate(message.fields);
        break;
      case "SetNewPrevHash":
        this.#onSetNewPrevHash(message.fields);
        break;
      case "RequestTransactionDataSuccess": {
        const list = message.fields.transactionList.map((transaction) => transaction.slice());
        this.#onTransactionAnswer(message.fields.templateId, list);
        break;
      }
      case "RequestTransactionDataError":
        this.#onTransactionAnswer(message.fields.templateId, null);
        break;
    }
  }

  onClose(reason: string): void {
    this.#open = false;
    this.#deadline?.cancel();
    this.#requestDeadline?.cancel();
    this.#listener.onClose(reason);
  }

  #onSetup(): this {
    this.#open = true;
    this.#connection.send(
      encodeFrame(templateDistribution.CoinbaseOutputConstraints, {
        coinbaseOutputMaxAdditionalSize: this.#options.coinbaseOutputMaxAdditionalSize,
        coinbaseOutputMaxAdditionalSigops: this.#options.coinbaseOutputMaxAdditionalSigops,
      }),
    );
    this.#deadline = this.#options.clock.after(this.#options.firstTemplateWithinMs, () =>
      this.#setup.end("template-timeout" satisfies EndReason),
    );
    return this;
  }

  #onNewTemplate(fields: templateDistribution.NewTemplate): void {
    const height = heightFromBip34(fields.coinbasePrefix);
    // Its blocks would be refused (bad-cb-height).
    if (height === undefined) {
      this.#setup.end("template-without-height" satisfies EndReason);
      return;
    }
    // sv2-tp with several clients may send a template of the new height without its SetNewPrevHash: mining it on the
    // old tip would be wasted work.
    if (!fields.futureTemplate && this.#tipHeight !== undefined && height !== this.#tipHeight) {
      this.#setup.end("template-height-mismatch" satisfies EndReason);
      return;
    }
    this.#heights.set(fields.templateId, height);
    if (this.#heights.size > 1_000) {
      const oldest = this.#heights.keys().next().value;
      if (oldest !== undefined) this.#heights.delete(oldest);
    }
    this.#listener.onTemplate(
      {
        sourceId: this.#options.sourceId,
        templateId: fields.templateId,
        height,
        version: fields.version,
        coinbaseTxVersion: fields.coinbaseTxVersion,
        coinbasePrefix: fields.coinbasePrefix.slice(),
        coinbaseTxInputSequence: fields.coinbaseTxInputSequence,
        coinbaseTxValueRemaining: fields.coinbaseTxValueRemaining,
        coinbaseTxOutputs: fields.coinbaseTxOutputs.slice(),
        coinbaseTxOutputsCount: fields.coinbaseTxOutputsCount,
        coinbaseTxLocktime: fields.coinbaseTxLocktime,
        merklePath: fields.merklePath.map((hash) => hash.slice()),
      },
      fields.futureTemplate,
    );
  }

  #onSetNewPrevHash(fields: templateDistribution.SetNewPrevHash): void {
    this.#deadline?.cancel();
    this.#tipHeight = this.#heights.get(fields.templateId);
    this.#listener.onPrevHash(fields.templateId, {
      prevHash: fields.prevHash.slice(),
      headerTimestamp: fields.headerTimestamp,
      nbits: fields.nbits,
      target: bytesToTarget(fields.target),
    });
  }

  #onTransactionAnswer(templateId: bigint, transactions: readonly Uint8Array[] | null): void {
    // One request is on its way at a time; any other answer is late or unasked for.
    if (this.#requests[0] !== templateId) return;
    this.#requests.shift();
    this.#requestDeadline?.cancel();
    this.#listener.onTransactions(templateId, transactions);
    const next = this.#requests[0];
    if (next !== undefined) this.#sendRequest(next);
  }
}
