import { bip34Push, serializeOutput, subsidyAt, targetFromNbits } from "@lode/bitcoin";
import { JobFactory, type Template, type Tip } from "@lode/mining";
import type { Native } from "@lode/native";
import { systemClock, systemRandom } from "@lode/ports";
import { STAMP_MASK } from "@lode/simulator";

/** Levels of the merkle path: a block of 2,049 to 4,096 transactions. */
const PATH_LEVELS = 12;
/** Bytes of the coinbase transaction without witness, extranonce included. */
const COINBASE_SIZE = 250;
/** Mainnet, July 2026: no share of the run is a block. */
const NBITS = 0x1702_1f4b;
const HEADER_VERSION = 0x2000_0000;
const HEIGHT = 962_000;

/** The pool's settings that go into its coinbase. */
export const benchPool = {
  tag: new TextEncoder().encode("Lode benchmark"),
  /** P2WPKH of twenty bytes that nobody has a key for. */
  payoutScript: Uint8Array.of(0x00, 0x14, ...new Uint8Array(20).fill(0x42)),
  subsidyAt: (height: number) => subsidyAt(height, "mainnet"),
};

const target = targetFromNbits(NBITS);

/** What a template source has to say. */
export interface ScriptedWork {
  readonly template: Template;
  readonly tip: Tip;
}

/** Templates of mainnet's size and difficulty, one after another, each with a stamp that load recognises. */
export class TemplateScript {
  readonly #native: Native;
  #number = 0;
  #tip = benchTip(0);

  constructor(native: Native) {
    this.#native = native;
  }

  /** Stamp of the template that comes after `steps` more: bits of its version. */
  stamp(steps: number): number {
    return (this.#number + steps) & STAMP_MASK;
  }

  /** A new tip with its first template. */
  nextTip(): ScriptedWork {
    this.#tip = benchTip(this.#number + 1);
    return this.nextTemplate();
  }

  /** Another template on the same tip. */
  nextTemplate(): ScriptedWork {
    return { template: benchTemplate(this.#native, ++this.#number), tip: this.#tip };
  }
}

/** One job with a 12-level path and a 250-byte coinbase. */
export function benchJob(native: Native) {
  return factory(native).build(benchTemplate(native, 1), benchTip(1), 0);
}

/** A tip of mainnet's difficulty. */
function benchTip(number: number): Tip {
  const prevHash = new Uint8Array(32);
  new DataView(prevHash.buffer).setUint32(0, number, true);
  return { prevHash, headerTimestamp: Math.floor(systemClock.now() / 1000), nbits: NBITS, target };
}

/** A template whose coinbase comes to {@link COINBASE_SIZE} bytes and whose path has {@link PATH_LEVELS} levels. */
function benchTemplate(native: Native, number: number): Template {
  const bare = templateWith(number, new Uint8Array(0));
  const missing = COINBASE_SIZE - coinbaseSize(native, bare);
  const overhead = serializeOutput(0n, new Uint8Array(0)).length;
  const filled = templateWith(number, opReturn(missing - overhead));
  if (coinbaseSize(native, filled) !== COINBASE_SIZE) throw new Error("the coinbase has another size");
  return filled;
}

function templateWith(number: number, filling: Uint8Array): Template {
  return {
    sourceId: "bench",
    templateId: BigInt(number),
    height: HEIGHT,
    version: HEADER_VERSION | (number & STAMP_MASK),
    coinbaseTxVersion: 2,
    coinbasePrefix: bip34Push(HEIGHT),
    coinbaseTxInputSequence: 0xffff_ffff,
    coinbaseTxValueRemaining: 314_000_000n,
    coinbaseTxOutputs: filling.length === 0 ? filling : serializeOutput(0n, filling),
    coinbaseTxOutputsCount: filling.length === 0 ? 0 : 1,
    coinbaseTxLocktime: 0,
    merklePath: Array.from({ length: PATH_LEVELS }, (_, level) => new Uint8Array(32).fill(level + 1)),
  };
}

/** An unspendable output script of this size, in place of the witness commitment. */
function opReturn(size: number): Uint8Array {
  const script = new Uint8Array(size).fill(0xaa);
  script[0] = 0x6a;
  return script;
}

function coinbaseSize(native: Native, template: Template): number {
  const { coinbaseTxPrefix, coinbaseTxSuffix } = factory(native).build(template, benchTip(0), 0);
  return coinbaseTxPrefix.length + 20 + coinbaseTxSuffix.length;
}

function factory(native: Native): JobFactory {
  return new JobFactory({ native, ...benchPool, random: systemRandom, clock: systemClock });
}
