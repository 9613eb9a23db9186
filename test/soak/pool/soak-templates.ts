import { bip34Push, serializeOutput, targetFromNbits, targetToBytes } from "@lode/bitcoin";
import { systemClock, systemRandom } from "@lode/ports";
import {
  listenForTemplates,
  type ScriptedTemplate,
  ScriptedTemplateServer,
  type ScriptedTip,
  type TemplateListener,
} from "@lode/testing/templates";

/** Mainnet, July 2026: no share of a soak is a block. */
const NBITS = 0x1702_1f4b;
const FIRST_HEIGHT = 962_000;
const PATH_LEVELS = 11;
/** What a template's transactions weigh on the wire: not a full block, but no toy either. */
const TRANSACTIONS = 800;
const TRANSACTION_BYTES = 300;
/** Templates whose transactions may still be asked for. */
const KEPT = 64;
/** Where a tip's prev_hash carries the moment of its publication: float64, little-endian, milliseconds. */
export const PUBLISHED_AT = 8;

/** The system's monotonic clock, milliseconds: the same for all processes of one machine. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * Work of a mainnet without a node: a new tip and better templates for it whenever it is told so. Each tip's prev_hash says
 * when it was published, so that a miner can tell how long it was under way.
 */
export class SoakTemplates {
  readonly #server = new ScriptedTemplateServer();
  readonly #transactions = Array.from({ length: TRANSACTIONS }, () => systemRandom(TRANSACTION_BYTES));
  #listener!: TemplateListener;
  #lastId = 0n;
  #height = FIRST_HEIGHT;
  #timers: ReturnType<typeof setInterval>[] = [];
  /** Tips published so far. */
  tips = 0;

  /** Listens on loopback. */
  static async start(): Promise<SoakTemplates> {
    const templates = new SoakTemplates();
    templates.#server.transactions = (templateId) =>
      templateId > templates.#lastId - BigInt(KEPT) ? templates.#transactions : undefined;
    templates.newTip();
    templates.#listener = await listenForTemplates(templates.#server);
    return templates;
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Authority key, base58check. */
  get publicKey(): string {
    return this.#listener.publicKey;
  }

  /** Publishes tips and refreshes by itself from now on. */
  run(everyMs: { readonly tip: number; readonly refresh: number }): void {
    this.#timers = [
      setInterval(() => this.newTip(), everyMs.tip),
      setInterval(() => this.refresh(), everyMs.refresh),
    ];
  }

  newTip(): void {
    this.tips++;
    this.#height++;
    this.#server.newTip(this.#template(), newTip());
  }

  /** Another template for the tip. */
  refresh(): void {
    this.#server.refresh(this.#template());
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#listener.close();
  }

  #template(): ScriptedTemplate {
    return {
      templateId: ++this.#lastId,
      version: 0x2000_0000,
      coinbaseTxVersion: 2,
      coinbasePrefix: bip34Push(this.#height),
      coinbaseTxInputSequence: 0xffff_fffe,
      coinbaseTxValueRemaining: 314_000_000n,
      coinbaseTxOutputsCount: 1,
      coinbaseTxOutputs: serializeOutput(
        0n,
        Uint8Array.of(0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed, ...systemRandom(32)),
      ),
      coinbaseTxLocktime: this.#height - 1,
      merklePath: Array.from({ length: PATH_LEVELS }, () => systemRandom(32)),
    };
  }
}

function newTip(): ScriptedTip {
  const prevHash = Uint8Array.from(systemRandom(32));
  new DataView(prevHash.buffer).setFloat64(PUBLISHED_AT, monotonicMs(), true);
  return {
    prevHash,
    headerTimestamp: Math.floor(systemClock.now() / 1000),
    nbits: NBITS,
    target: targetToBytes(targetFromNbits(NBITS)),
  };
}
