import { bip34Push, subsidyAt, targetFromNbits, targetToBytes } from "@lode/bitcoin";
import { parseIdentity } from "@lode/mining";
import { native } from "@lode/native";
import { Pool, TemplateSources } from "@lode/pool-server";
import { type Metrics, silentLogger } from "@lode/ports";
import type { MiningServerSettings } from "@lode/roles";
import { VirtualClock } from "@lode/testing/clock";
import { ScriptedMiner } from "@lode/testing/pool";
import { seededRandom } from "@lode/testing/random";
import { type ScriptedTemplate, ScriptedTemplateServer } from "@lode/testing/templates";
import { memoryPair } from "@lode/transport/testing";

/** Difficulty of regtest: every second hash is a block. */
export const EASY_NBITS = 0x207f_ffff;
/** A target that no test meets by chance. */
export const HARD_NBITS = 0x1703_0ecd;

/** A whole pool, from its template source to its store, on a virtual clock. */
export class WholePool {
  readonly clock = new VirtualClock();
  readonly templates = new ScriptedTemplateServer();
  readonly pool: Pool;
  /** Share batches that the store was given. */
  batches = 0;
  readonly #counts = new Map<string, number>();
  #templateId = 0n;

  constructor(mining: Partial<MiningServerSettings> = {}) {
    const { clock } = this;
    const metrics = this.#metrics();
    const feed = new TemplateSources(
      [
        {
          name: "main",
          address: "127.0.0.1:8442",
          setting: "templates.sources.0",
          network: null,
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
          this.templates.accept(server);
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
        candidates: {
          save: async () => {},
          settle: async () => {},
          settled: async () => [],
          unsettled: async () => [],
        },
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
    this.tip(height, headerTimestamp, nbits);
    await this.clock.advanceAsync(10);
  }

  /** A new tip with its first template. */
  tip(height: number, headerTimestamp: number, nbits = HARD_NBITS): void {
    this.templates.newTip(this.#template(height), {
      prevHash: new Uint8Array(32).fill(height & 0xff),
      headerTimestamp,
      nbits,
      target: targetToBytes(targetFromNbits(nbits)),
    });
  }

  /** A better template on the same tip. */
  refresh(height: number): void {
    this.templates.refresh(this.#template(height));
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

  #template(height: number): ScriptedTemplate {
    return {
      templateId: ++this.#templateId,
      version: 0x2000_0000,
      coinbaseTxVersion: 2,
      coinbasePrefix: bip34Push(height),
      coinbaseTxInputSequence: 0xffff_fffe,
      coinbaseTxValueRemaining: 312_500_000n,
      coinbaseTxOutputsCount: 0,
      coinbaseTxOutputs: new Uint8Array(),
      coinbaseTxLocktime: height - 1,
      merklePath: [],
    };
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
