import { native } from "@lode/native";
import { noMetrics, silentLogger, systemClock, systemRandom } from "@lode/ports";
import {
  common,
  encodeFrame,
  type Fields,
  type FrameHeader,
  type MessageDefinition,
  messageTable,
  PROTOCOL_VERSION,
  templateDistribution,
} from "@lode/protocol";
import {
  createInlineHandshaker,
  encodeAuthorityPublicKey,
  type FrameConnection,
  type FrameHandler,
  generateKeypair,
  type Listener,
  listen,
  ServerIdentity,
} from "@lode/transport";

const fromClient = messageTable({
  SetupConnection: common.SetupConnection,
  CoinbaseOutputConstraints: templateDistribution.CoinbaseOutputConstraints,
  RequestTransactionData: templateDistribution.RequestTransactionData,
  SubmitSolution: templateDistribution.SubmitSolution,
});

/** A message that a client sent, by name. */
export type TemplateClientMessage = NonNullable<ReturnType<typeof fromClient.decode>>;

/** A template, as the protocol has it. */
export type ScriptedTemplate = Omit<templateDistribution.NewTemplate, "futureTemplate">;
/** A tip, as the protocol has it. */
export type ScriptedTip = Omit<templateDistribution.SetNewPrevHash, "templateId">;

const WRITE_QUEUE_BYTES = 64 * 1024 * 1024;

/**
 * A Template Distribution server that says what the test tells it, to one client or more, and keeps what they say. A client
 * that has stated its constraints gets the latest work at once.
 */
export class ScriptedTemplateServer {
  /** Everything the clients sent, in order; payloads of transactions are not copied. */
  readonly heard: TemplateClientMessage[] = [];
  /** Transactions of a template but its coinbase, serialised; undefined: not known. */
  transactions: (templateId: bigint) => readonly Uint8Array[] | undefined = () => [];
  readonly #served = new Set<FrameConnection>();
  #latest: { readonly template: ScriptedTemplate; readonly tip: ScriptedTip } | undefined;

  /** Names of what the clients sent so far. */
  get names(): string[] {
    return this.heard.map(({ name }) => name);
  }

  /** Clients that have stated their constraints. */
  get clients(): number {
    return this.#served.size;
  }

  /** Serves a client at the other end of this connection. */
  accept(connection: FrameConnection): void {
    const handler: FrameHandler = {
      onFrame: (header, payload) => this.#onFrame(connection, header, payload),
      onClose: () => void this.#served.delete(connection),
    };
    connection.start(handler);
  }

  /** Sends every client a future template and the SetNewPrevHash that activates it (SV2 7.2, 7.3). */
  newTip(template: ScriptedTemplate, tip: ScriptedTip): void {
    this.#latest = { template, tip };
    for (const connection of this.#served) sendTip(connection, template, tip);
  }

  /** Sends every client a better template for the tip. @throws TypeError when there is no tip yet */
  refresh(template: ScriptedTemplate): void {
    if (this.#latest === undefined) throw new TypeError("a tip comes first");
    this.#latest = { template, tip: this.#latest.tip };
    for (const connection of this.#served) {
      say(connection, templateDistribution.NewTemplate, { ...template, futureTemplate: false });
      connection.flush();
    }
  }

  #onFrame(connection: FrameConnection, header: FrameHeader, payload: Uint8Array): void {
    const message = fromClient.decode(header, payload.slice());
    if (message === undefined) throw new TypeError(`a client sent 0x${header.msgType.toString(16)}`);
    this.heard.push(message);
    switch (message.name) {
      case "SetupConnection":
        say(connection, common.SetupConnectionSuccess, { usedVersion: PROTOCOL_VERSION, flags: 0 });
        break;
      case "CoinbaseOutputConstraints":
        this.#served.add(connection);
        if (this.#latest !== undefined) sendTip(connection, this.#latest.template, this.#latest.tip);
        break;
      case "RequestTransactionData":
        this.#answer(connection, message.fields.templateId);
        break;
    }
    connection.flush();
  }

  #answer(connection: FrameConnection, templateId: bigint): void {
    const transactionList = this.transactions(templateId);
    if (transactionList === undefined) {
      const errorCode = "template-id-not-found";
      say(connection, templateDistribution.RequestTransactionDataError, { templateId, errorCode });
      return;
    }
    say(connection, templateDistribution.RequestTransactionDataSuccess, {
      templateId,
      excessData: new Uint8Array(32),
      transactionList: [...transactionList],
    });
  }
}

/** Where a {@link ScriptedTemplateServer} listens. */
export interface TemplateListener {
  readonly port: number;
  /** Authority key, base58check. */
  readonly publicKey: string;
  close(): Promise<void>;
}

/** Lets clients reach the server on a free port of loopback. */
export async function listenForTemplates(server: ScriptedTemplateServer): Promise<TemplateListener> {
  const identity = ServerIdentity.create({
    authoritySecret: generateKeypair(systemRandom).secretKey,
    random: systemRandom,
    clock: systemClock,
  });
  const handshaker = createInlineHandshaker(identity, { random: systemRandom });
  const connections = new Set<FrameConnection>();
  const listener: Listener = await listen({
    host: "127.0.0.1",
    port: 0,
    handshaker,
    native,
    clock: systemClock,
    logger: silentLogger,
    metrics: noMetrics,
    maxLength: fromClient.maxLength,
    limits: { writeQueueBytes: WRITE_QUEUE_BYTES },
    onConnection: (connection) => {
      connections.add(connection);
      server.accept(connection);
    },
  });
  return {
    port: listener.port,
    publicKey: encodeAuthorityPublicKey(identity.authorityKey),
    async close() {
      for (const connection of connections) connection.destroy("done");
      await listener.close();
      await handshaker.close();
    },
  };
}

function sendTip(connection: FrameConnection, template: ScriptedTemplate, tip: ScriptedTip): void {
  say(connection, templateDistribution.NewTemplate, { ...template, futureTemplate: true });
  say(connection, templateDistribution.SetNewPrevHash, { ...tip, templateId: template.templateId });
  connection.flush();
}

function say<D extends MessageDefinition>(
  connection: FrameConnection,
  definition: D,
  fields: Readonly<Fields<D>>,
): void {
  connection.send(encodeFrame(definition, fields));
}
