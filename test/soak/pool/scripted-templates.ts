import { bip34Push, serializeOutput, targetFromNbits, targetToBytes } from "@lode/bitcoin";
import { native } from "@lode/native";
import { noMetrics, silentLogger, systemClock, systemRandom } from "@lode/ports";
import type { templateDistribution } from "@lode/protocol";
import { type TemplateProviderPort, TemplateServerSession, templateClientMaxLength } from "@lode/roles";
import {
  createInlineHandshaker,
  encodeAuthorityPublicKey,
  generateKeypair,
  type Listener,
  listen,
  ServerIdentity,
} from "@lode/transport";

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
 * A Template Distribution server that needs no node: a new tip and better templates for it whenever it is told so. Each tip's
 * prev_hash says when it was published, so that a miner can tell how long it was under way.
 */
export class ScriptedTemplates implements TemplateProviderPort {
  readonly authorityPublicKey: string;
  readonly #sessions = new Set<TemplateServerSession>();
  readonly #transactions = Array.from({ length: TRANSACTIONS }, () => systemRandom(TRANSACTION_BYTES));
  #listener: Listener | undefined;
  #lastId = 0n;
  #height = FIRST_HEIGHT;
  #tip: Omit<templateDistribution.SetNewPrevHash, "templateId"> = newTip();
  #timers: ReturnType<typeof setInterval>[] = [];
  /** Tips published so far. */
  tips = 1;

  /** Listens on loopback. */
  static async start(): Promise<ScriptedTemplates> {
    const identity = ServerIdentity.create({
      authoritySecret: generateKeypair(systemRandom).secretKey,
      random: systemRandom,
      clock: systemClock,
    });
    const templates = new ScriptedTemplates(encodeAuthorityPublicKey(identity.authorityKey));
    const options = { clock: systemClock, logger: silentLogger, metrics: noMetrics };
    templates.#listener = await listen({
      host: "127.0.0.1",
      port: 0,
      handshaker: createInlineHandshaker(identity, { random: systemRandom }),
      native,
      ...options,
      maxLength: templateClientMaxLength,
      limits: { writeQueueBytes: 64 * 1024 * 1024 },
      onConnection: (connection) => new TemplateServerSession(connection, options, templates),
    });
    return templates;
  }

  private constructor(authorityPublicKey: string) {
    this.authorityPublicKey = authorityPublicKey;
  }

  get port(): number {
    return this.#listener?.port ?? 0;
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
    this.#tip = newTip();
    for (const session of this.#sessions) this.#sendTip(session);
  }

  refresh(): void {
    const template = this.#template();
    for (const session of this.#sessions) session.sendTemplate(template);
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const session of this.#sessions) session.close("done");
    await this.#listener?.close();
  }

  onConstraints(session: TemplateServerSession): void {
    this.#sessions.add(session);
    this.#sendTip(session);
  }

  transactions(templateId: bigint): readonly Uint8Array[] | undefined {
    return templateId > this.#lastId - BigInt(KEPT) ? this.#transactions : undefined;
  }

  onSolution(): void {}

  onClose(session: TemplateServerSession): void {
    this.#sessions.delete(session);
  }

  #sendTip(session: TemplateServerSession): void {
    const template = this.#template();
    session.sendTip(template, { ...this.#tip, templateId: template.templateId });
  }

  #template(): templateDistribution.NewTemplate {
    return {
      templateId: ++this.#lastId,
      futureTemplate: false,
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

function newTip(): Omit<templateDistribution.SetNewPrevHash, "templateId"> {
  const prevHash = Uint8Array.from(systemRandom(32));
  new DataView(prevHash.buffer).setFloat64(PUBLISHED_AT, monotonicMs(), true);
  return {
    prevHash,
    headerTimestamp: Math.floor(systemClock.now() / 1000),
    nbits: NBITS,
    target: targetToBytes(targetFromNbits(NBITS)),
  };
}
