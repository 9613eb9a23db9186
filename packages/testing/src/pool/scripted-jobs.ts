import { bip34Push, maxTarget, nbitsFromTarget, subsidyAt } from "@lode/bitcoin";
import { ExtranonceAllocator, JobFactory, type MiningJob, type Template, type Tip } from "@lode/mining";
import { native } from "@lode/native";
import type { Clock } from "@lode/ports";
import { seededRandom } from "../random.ts";

/** Mainnet's target of difficulty 100 T, about: no test meets it by chance. */
const HARD_TARGET = maxTarget >> 79n;

/** A pool's jobs on a chain that the test moves on: what a mining server's job source is. Repeatable. */
export class ScriptedJobs {
  readonly extranonces = new ExtranonceAllocator({ serverId: 7 });
  readonly #factory: JobFactory;
  readonly #clock: Clock;
  #height = 900_000;
  #templateId = 0n;
  #tip: Tip;
  #current: MiningJob | undefined;

  /** Starts with a tip and a job on it. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.#factory = new JobFactory({
      native,
      tag: new TextEncoder().encode("/scripted/"),
      payoutScript: Uint8Array.of(0x00, 0x14, ...new Uint8Array(20).fill(0x11)),
      subsidyAt: (height) => subsidyAt(height, "mainnet"),
      random: seededRandom(1),
      clock,
    });
    this.#tip = this.#nextTip(HARD_TARGET);
    this.next();
  }

  get tip(): Tip {
    return this.#tip;
  }

  current(): MiningJob | undefined {
    return this.#current;
  }

  /** Another job from the current template; it does not become current. */
  fresh(): MiningJob | undefined {
    const { template, tip } = this.#current ?? {};
    return template && tip && this.#factory.build(template, tip, tip.headerTimestamp);
  }

  /** A new template on the same tip becomes current. */
  next(changes: Partial<Template> = {}): MiningJob {
    this.#current = this.build(this.#tip, changes);
    return this.#current;
  }

  /**
   * The tip moves on; a job on it becomes current.
   *
   * @param target network target; by default out of reach
   */
  nextTip(target: bigint = HARD_TARGET): MiningJob {
    this.#tip = this.#nextTip(target);
    return this.next();
  }

  /** No template any more. */
  stop(): void {
    this.#current = undefined;
  }

  /** A job that does not become current. */
  build(tip: Tip, changes: Partial<Template> = {}): MiningJob {
    const template: Template = {
      sourceId: "scripted",
      templateId: this.#templateId++,
      version: 0x2000_0000,
      coinbaseTxVersion: 2,
      coinbasePrefix: bip34Push(this.#height),
      coinbaseTxInputSequence: 0xffff_fffe,
      coinbaseTxValueRemaining: 312_500_000n,
      coinbaseTxOutputs: new Uint8Array(0),
      coinbaseTxOutputsCount: 0,
      coinbaseTxLocktime: this.#height - 1,
      merklePath: [new Uint8Array(32).fill(0xa1), new Uint8Array(32).fill(0xa2)],
      ...changes,
    };
    return this.#factory.build(template, tip, tip.headerTimestamp);
  }

  #nextTip(target: bigint): Tip {
    this.#height++;
    const prevHash = new Uint8Array(32).fill(0xb0);
    new DataView(prevHash.buffer).setUint32(0, this.#height, true);
    const headerTimestamp = Math.floor(this.#clock.now() / 1000) - 60;
    return { prevHash, headerTimestamp, nbits: nbitsFromTarget(target), target };
  }
}
