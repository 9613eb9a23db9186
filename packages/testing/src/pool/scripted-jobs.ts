import { bip34Push, maxTarget, nbitsFromTarget, subsidyAt } from "@lode/bitcoin";
import { ExtranonceAllocator, JobFactory, type MiningJob, type Template, type Tip } from "@lode/mining";
import { native } from "@lode/native";
import type { Clock } from "@lode/ports";
import type { MiningServer } from "@lode/roles";
import { seededRandom } from "../random.ts";

/** Mainnet's target of difficulty 100 T, about: no test meets it by chance. */
const HARD_TARGET = maxTarget >> 79n;

/** Where a pool's templates go. */
type Audience = Pick<MiningServer, "onTemplate" | "job">;

/** A pool's templates on a chain that the test moves on, and what makes jobs of them. Repeatable. */
export class ScriptedJobs {
  readonly extranonces = new ExtranonceAllocator({ serverId: 7 });
  /** Tests may replace `build`. */
  readonly factory: Pick<JobFactory, "build">;
  readonly #clock: Clock;
  #server: Audience | undefined;
  #height = 900_000;
  #templateId = 0n;
  #tip: Tip | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.factory = new JobFactory({
      native,
      tag: new TextEncoder().encode("/scripted/"),
      payoutScript: Uint8Array.of(0x00, 0x14, ...new Uint8Array(20).fill(0x11)),
      subsidyAt: (height) => subsidyAt(height, "mainnet"),
      random: seededRandom(1),
      clock,
    });
  }

  /** Templates go here from now on. */
  start(server: Audience): void {
    this.#server = server;
  }

  /** The job the server hands out now. */
  get newest(): MiningJob {
    return this.#server!.job!;
  }

  get tip(): Tip {
    this.#tip ??= this.#nextTip(HARD_TARGET);
    return this.#tip;
  }

  /** The server gets another template on the same tip. @returns the job it made of it */
  next(changes: Partial<Template> = {}): MiningJob {
    return this.on(this.tip, changes);
  }

  /**
   * The tip moves on; the server gets a template on it.
   *
   * @param target network target; by default out of reach
   */
  nextTip(target: bigint = HARD_TARGET): MiningJob {
    this.#tip = this.#nextTip(target);
    return this.next();
  }

  /** The server gets a template on a tip of the test's own. */
  on(tip: Tip, changes: Partial<Template> = {}): MiningJob {
    if (this.#server === undefined) throw new Error("no server was given");
    this.#server.onTemplate(this.template(changes), tip);
    return this.newest;
  }

  /** A template that nobody gets, on a chain of this height. */
  template(changes: Partial<Template> = {}): Template {
    return {
      sourceId: "scripted",
      templateId: this.#templateId++,
      height: this.#height,
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
  }

  #nextTip(target: bigint): Tip {
    this.#height++;
    const prevHash = new Uint8Array(32).fill(0xb0);
    new DataView(prevHash.buffer).setUint32(0, this.#height, true);
    const headerTimestamp = Math.floor(this.#clock.now() / 1000) - 60;
    return { prevHash, headerTimestamp, nbits: nbitsFromTarget(target), target };
  }
}
