import { bip34Push, subsidyAt, targetFromNbits, targetToBytes } from "@lode/bitcoin";
import { parseIdentity } from "@lode/mining";
import { native } from "@lode/native";
import { Pool, TemplateSources } from "@lode/pool-server";
import { type Metrics, silentLogger } from "@lode/ports";
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
import type { MiningServerSettings } from "@lode/roles";
import { VirtualClock } from "@lode/testing/clock";
import { ScriptedMiner } from "@lode/testing/pool";
import { seededRandom } from "@lode/testing/random";
import type { FrameConnection, FrameHandler } from "@lode/transport";
import { memoryPair } from "@lode/transport/testing";

const fromPool = messageTable({
  SetupConnection: common.SetupConnection,
  CoinbaseOutputConstraints: templateDistribution.CoinbaseOutputConstraints,
  RequestTransactionData: templateDistribution.RequestTransactionData,
  SubmitSolution: templateDistribution.SubmitSolution,
});

type FromPool = NonNullable<ReturnType<typeof fromPool.decode>>;

/** Difficulty of regtest: every second hash is a block. */
export const EASY_NBITS = 0x207f_ffff;
/** A target that no test meets by chance. */
export const HARD_NBITS = 0x1703_0ecd;

/** A template provider that says what the test tells it, and keeps what the pool says. */
class ScriptedTemplates implements FrameHandler {
  readonly heard: FromPool[] = [];
  #connection: FrameConnection | undefined;
  #templateId = 0n;

  attach(connection: FrameConnection): void {
    this.#connection = connection;
    connection.start(this);
  }

  onFrame(header: FrameHeader, payload: Uint8Array): void {
    const message = fromPool.decode(header, payload.slice());
    if (message === undefined) throw new TypeError(`the pool sent 0x${header.msgType.toString(16)}`);
    this.heard.push(message);
    if (message.name !== "SetupConnection") return;
    this.#say(common.SetupConnectionSuccess, { usedVersion: PROTOCOL_VERSION, flags: 0 });
  }

  onClose(): void {}

  /** Names of what the pool said so far. */
  get names(): string[] {
    return this.heard.map(({ name }) => name);
  }

  /** A future template and the SetNewPrevHash that activates it (SV2 7.2, 7.3). */
  tip(height: number, headerTimestamp: number, nbits = HARD_NBITS): void {
    const templateId = this.#template(height, true);
    this.#say(templateDistribution.SetNewPrevHash, {
      templateId,
      prevHash: new Uint8Array(32).fill(height & 0xff),
      headerTimestamp,
      nbits,
      target: targetToBytes(targetFromNbits(nbits)),
    });
  }

  /** A better template on the same tip. */
  refresh(height: number): void {
    this.#template(height, false);
  }

  #template(height: number, futureTemplate: boolean): bigint {
    const templateId = ++this.#templateId;
    this.#say(templateDistribution.NewTemplate, {
      templateId,
      futureTemplate,
      version: 0x2000_0000,
      coinbaseTxVersion: 2,
      coinbasePrefix: bip34Push(height),
      coinbaseTxInputSequence: 0xffff_fffe,
      coinbaseTxValueRemaining: 312_500_000n,
      coinbaseTxOutputsCount: 0,
      coinbaseTxOutputs: new Uint8Array(),
      coinbaseTxLocktime: height - 1,
      merklePath: [],
    });
    return templateId;
  }

  #say<D extends MessageDefinition>(definition: D, fields: Readonly<Fields<D>>): void {
    if (this.#connection === undefined) throw new TypeError("nobody has connected");
    this.#connection.send(encodeFrame(definition, fields));
  }
}

/** A whole pool, from its template source to its store, on a virtual clock. */
export class WholePool {
  readonly clock = new VirtualClock();
  readonly templates = new ScriptedTemplates();
  readonly pool: Pool;
  /** Share batches that the store was given. */
  batches = 0;
  readonly #counts = new Map<string, number>();

  constructor(mining: Partial<MiningServerSettings> = {}) {
    const { clock } = this;
    const metrics = this.#metrics();
    const feed = new TemplateSources(
      [
        {
          name: "main",
          coinbaseOutputMaxAdditionalSize: 100,
          coinbaseOutputMaxAdditionalSigops: 4,
          firstTemplateWithinMs: 30_000,
        },
      ],
      {
        clock,
        logger: silentLogger,
        metrics,
        dial: async () => {
          const [client, server] = memoryPair(clock);
          this.templates.attach(server);
          return client;
        },
      },
    );
    this.pool = new Pool(
      {
        clock,
        random: seededRandom(5),
        logger: silentLogger,
        metrics,
        native,
        store: {
          commit: async () => {
            this.batches++;
          },
          renew: async () => {},
        },
        feed,
        nodes: [],
        candidates: { save: async () => {}, settle: async () => {}, unsettled: async () => [] },
        identify: (userIdentity) => parseIdentity(userIdentity, "regtest"),
        onFatal: (reason) => {
          throw new Error(reason);
        },
      },
      {
        payoutScript: Uint8Array.of(0x00, 0x14, ...new Uint8Array(20).fill(0x22)),
        subsidyAt: (height) => subsidyAt(height, "mainnet"),
        tag: new TextEncoder().encode("/reference/"),
        serverId: 1,
        outageRefuseMs: 30_000,
        outageCloseMs: 600_000,
        mining,
        recorder: {},
      },
    );
  }

  /** Starts the pool and gives it a first tip. */
  async start(height: number, headerTimestamp: number, nbits = HARD_NBITS): Promise<void> {
    const started = this.pool.start();
    await this.clock.advanceAsync(10);
    await started;
    this.templates.tip(height, headerTimestamp, nbits);
    await this.clock.advanceAsync(10);
  }

  /** A miner that has sent nothing yet. */
  connect(): ScriptedMiner {
    const [server, client] = memoryPair(this.clock);
    this.pool.accept(server);
    return new ScriptedMiner(client, () => this.clock.settle());
  }

  /** Value of a counter. */
  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  #metrics(): Metrics {
    return {
      counter: (name) => ({
        inc: (value = 1) => void this.#counts.set(name, this.count(name) + value),
      }),
      gauge: () => ({ set() {} }),
      histogram: () => ({ observe() {} }),
    };
  }
}
