import {
  bip34Push,
  internalToDisplay,
  merklePath,
  nbitsFromTarget,
  serializeOutput,
  sha256d,
  targetFromNbits,
} from "@lode/bitcoin";
import type { Template, Tip } from "@lode/mining";
import type { Prng } from "@lode/testing/random";
import type { World } from "./world.ts";

/** A template with everything around it. */
export interface IssuedTemplate {
  readonly template: Template;
  readonly tip: Tip;
  /** All but the coinbase. */
  readonly transactions: readonly Uint8Array[];
  /** A job can be made of it. */
  readonly usable: boolean;
  /** Whether the source has sent the transactions: `pending` ones come later or never. */
  state: "ready" | "pending" | "unavailable";
  /** Called when `state` leaves `pending`. */
  readonly waiting: (() => void)[];
}

/** Templates whose transactions can still be asked for. */
const KEPT_TEMPLATES = 64;
/** Blocks whose height is known; far more than are followed at any time. */
const KEPT_HEIGHTS = 10_000;
/** Satoshi above all there will ever be. */
const MORE_THAN_ALL = 2_200_000_000_000_000n;
/** About one hash in 128 is a block: with easy channels (one in four is a share) every 32nd share. */
const USUAL_TARGET = 1n << 249n;

/** The network and the template source in front of it. The pool sees it through `SimulatedFeed`. */
export class Chain {
  readonly #world: World;
  readonly #prng: Prng;
  readonly #templates = new Map<bigint, IssuedTemplate>();
  #height = 101;
  #nextTemplateId = 1n;
  #tip: Tip;
  #previousTip: Tip;
  #current: IssuedTemplate;
  #up = true;
  /** Heights on the best chain by hash, display order. */
  readonly #heights = new Map<string, number>();
  /** Told of new work, and of the source's end. */
  onWork: (issued: IssuedTemplate) => void = () => {};
  onDown: () => void = () => {};

  constructor(world: World) {
    this.#world = world;
    this.#prng = world.prng.fork();
    this.#tip = this.#nextTip(this.#prng.bytes(32));
    this.#previousTip = this.#tip;
    this.#current = this.#issue();
  }

  /** The best block. */
  get tip(): Tip {
    return this.#tip;
  }

  /** The work to hand out; null while the source is away. */
  get current(): IssuedTemplate | null {
    return this.#up ? this.#current : null;
  }

  get up(): boolean {
    return this.#up;
  }

  /** @param id as in `Template.templateId` */
  find(id: bigint): IssuedTemplate | undefined {
    return this.#templates.get(id);
  }

  get height(): number {
    return this.#height;
  }

  /** Undefined for a block that is not on the best chain. @param hash display order */
  confirmations(hash: string): number | undefined {
    const height = this.#heights.get(hash);
    return height === undefined ? undefined : this.#height - height + 1;
  }

  /** A block was found, by the pool (`hash`, internal order) or by somebody else. */
  extend(hash: Uint8Array = this.#prng.bytes(32)): void {
    this.#height++;
    this.#heights.set(internalToDisplay(hash), this.#height);
    if (this.#heights.size > KEPT_HEIGHTS) this.#heights.delete(this.#heights.keys().next().value!);
    this.#move(this.#nextTip(hash));
  }

  /** The tip before the last is the best again. */
  reorganise(): void {
    this.#heights.delete(internalToDisplay(this.#tip.prevHash));
    this.#move({ ...this.#previousTip, headerTimestamp: this.#timestamp() });
  }

  /**
   * A better template on the same tip; at times from a source that states another timestamp, or with other nbits, as on test
   * networks after twenty minutes without a block.
   */
  refresh(): void {
    if (this.#prng.chance(0.2)) {
      const headerTimestamp = this.#tip.headerTimestamp + this.#prng.between(-30, 30);
      this.#tip = { ...this.#tip, prevHash: this.#tip.prevHash.slice(), headerTimestamp };
    } else if (this.#prng.chance(0.1)) {
      this.#tip = this.#nextTip(this.#tip.prevHash);
    }
    this.#renew();
  }

  /** The source hands out a template that no job can be made of. */
  spoil(): void {
    this.#renew(false);
  }

  goDown(): void {
    if (!this.#up) return;
    this.#up = false;
    for (const issued of this.#templates.values()) this.#settle(issued, "unavailable");
    this.onDown();
  }

  comeBack(): void {
    if (this.#up) return;
    this.#up = true;
    this.#renew();
  }

  #move(tip: Tip): void {
    this.#previousTip = this.#tip;
    this.#tip = tip;
    this.#renew();
  }

  #renew(usable = true): void {
    this.#current = this.#issue(usable);
    if (this.#up) this.onWork(this.#current);
  }

  #nextTip(prevHash: Uint8Array): Tip {
    // The network moves a little, and sometimes a lot.
    const target = this.#prng.chance(0.1)
      ? USUAL_TARGET >> BigInt(this.#prng.between(1, 6))
      : USUAL_TARGET + (USUAL_TARGET >> BigInt(this.#prng.between(1, 8)));
    const nbits = nbitsFromTarget(target);
    return { prevHash, headerTimestamp: this.#timestamp(), nbits, target: targetFromNbits(nbits) };
  }

  #timestamp(): number {
    return Math.floor(this.#world.clock.now() / 1000) - this.#prng.between(0, 600);
  }

  #issue(usable = true): IssuedTemplate {
    const prng = this.#prng;
    const transactions = Array.from({ length: prng.pick([0, 0, 1, 2, 3, 5]) }, () => prng.bytes(40));
    const commitment = serializeOutput(
      0n,
      Uint8Array.of(0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed, ...prng.bytes(32)),
    );
    const issued: IssuedTemplate = {
      template: {
        sourceId: prng.pick(["near", "far"]),
        templateId: this.#nextTemplateId++,
        height: this.#height,
        version: 0x2000_0000,
        coinbaseTxVersion: 2,
        coinbasePrefix: bip34Push(this.#height),
        coinbaseTxInputSequence: 0xffff_fffe,
        coinbaseTxValueRemaining: usable ? 312_500_000n + BigInt(prng.below(1_000_000)) : MORE_THAN_ALL,
        coinbaseTxOutputs: commitment,
        coinbaseTxOutputsCount: 1,
        coinbaseTxLocktime: this.#height - 1,
        merklePath: merklePath(transactions.map(sha256d)),
      },
      tip: this.#tip,
      transactions,
      usable,
      state: prng.chance(0.8) ? "ready" : "pending",
      waiting: [],
    };
    this.#templates.set(issued.template.templateId, issued);
    if (issued.state === "pending") {
      const state = prng.chance(0.8) ? "ready" : "unavailable";
      this.#world.clock.after(prng.between(1, 5_000), () => this.#settle(issued, state));
    }
    if (this.#templates.size > KEPT_TEMPLATES) {
      const [[id, oldest]] = this.#templates as unknown as [[bigint, IssuedTemplate]];
      this.#settle(oldest, "unavailable");
      this.#templates.delete(id);
    }
    return issued;
  }

  #settle(issued: IssuedTemplate, state: "ready" | "unavailable"): void {
    if (issued.state !== "pending") return;
    issued.state = state;
    for (const tell of issued.waiting.splice(0)) tell();
  }
}
