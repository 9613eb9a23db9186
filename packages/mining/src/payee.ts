import { concatBytes, encodeCompactSize, equalBytes, serializeOutput } from "@lode/bitcoin";
import type { Native } from "@lode/native";
import type { MiningJob, Template } from "./job.ts";
import type { JobFacts } from "./job-facts.ts";

/** What of a job depends on whom its coinbase pays: outputs follow the extranonce. */
export type JobVariant = Pick<MiningJob, "coinbaseTxSuffix" | "handle" | "facts">;

/**
 * Whom the coinbase of a channel's jobs pays. One object for the same outputs, as long as a channel has it: channels with one
 * payee can share a job and a group.
 */
export interface Payee {
  /** Two payees are the same when their keys are. */
  readonly key: string;
  /** The job as this payee's channels have it. Dear: to be asked for when there is a share to check. */
  variantOf(job: MiningJob): JobVariant;
  /** Bytes of the coinbase behind the extranonce. */
  suffixSize(job: MiningJob): number;
  /** Writes those bytes at `at`. */
  writeSuffix(job: MiningJob, target: Uint8Array, at: number): void;
}

/** The pool's own script, as `JobFactory` builds it into every job. */
export const poolPayee: Payee = {
  key: "",
  variantOf: (job) => job,
  suffixSize: ({ coinbaseTxSuffix }) => coinbaseTxSuffix.length,
  writeSuffix: ({ coinbaseTxSuffix }, target, at) => target.set(coinbaseTxSuffix, at),
};

/** Hundredths of a percent in the whole. */
export const WHOLE = 10_000n;

/** What goes to the pool of a total: the rest, at least as much as its percentage says, is the miner's. */
export function poolShare(total: bigint, basisPoints: bigint): bigint {
  return (total * basisPoints) / WHOLE;
}

/** Outputs of a {@link SoloPayee}, one of them at least. */
export interface SoloOutputs {
  /** Undefined: all goes to the pool. */
  readonly miner: Uint8Array | undefined;
  /** Undefined: all goes to the miner. */
  readonly pool: { readonly script: Uint8Array; readonly basisPoints: bigint } | undefined;
  /** Scripts whose income is the pool's, whoever mines. */
  readonly poolScripts: readonly Uint8Array[];
}

/** What payees make variants with. */
export interface VariantMaker {
  readonly native: Pick<Native, "createJob">;
  /** Facts of a solo job of which `value` goes to the pool; the same object for the same facts, as a rule. */
  soloFacts(job: JobFacts, value: bigint): JobFacts;
}

/** A miner who is paid by the block itself, less what a fee or a donation takes. */
export class SoloPayee implements Payee {
  readonly key: string;
  readonly #outputs: SoloOutputs;
  readonly #make: VariantMaker;
  /** Our outputs with values of zero. */
  readonly #serialized: Uint8Array;
  readonly #count: number;
  /** Where the pool's value stands in {@link #serialized}; the miner's is at 0. */
  readonly #poolAt: number;
  /** Of the newest job a share came for: channels of this payee that share a job share it. */
  #variant: (JobVariant & { readonly job: MiningJob }) | undefined;

  constructor(outputs: SoloOutputs, make: VariantMaker) {
    const { miner, pool } = outputs;
    this.#outputs = outputs;
    this.#make = make;
    const parts = [miner, pool?.script].filter((script) => script !== undefined);
    this.#serialized = concatBytes(...parts.map((script) => serializeOutput(0n, script)));
    this.#count = parts.length;
    this.#poolAt = miner === undefined ? 0 : serializeOutput(0n, miner).length;
    this.key = soloKey(outputs);
  }

  variantOf(job: MiningJob): JobVariant {
    const known = this.#variant;
    if (known?.job === job) return known;
    const coinbaseTxSuffix = new Uint8Array(this.suffixSize(job));
    this.writeSuffix(job, coinbaseTxSuffix, 0);
    const variant = {
      job,
      coinbaseTxSuffix,
      handle: this.#make.native.createJob({
        coinbaseTxPrefix: job.coinbaseTxPrefix,
        coinbaseTxSuffix,
        merklePath: concatBytes(...job.merklePath),
        prevHash: job.tip.prevHash,
        nbits: job.tip.nbits,
      }),
      facts: this.#make.soloFacts(job.facts, this.#poolIncome(job.template.coinbaseTxValueRemaining)),
    };
    // Shares that come late for older jobs do not push out what everybody mines on.
    if (known === undefined || known.job.serial < job.serial) this.#variant = variant;
    return variant;
  }

  suffixSize({ template }: MiningJob): number {
    const { coinbaseTxOutputs, coinbaseTxOutputsCount } = template;
    const count = this.#count + coinbaseTxOutputsCount;
    return 4 + compactSize(count) + this.#serialized.length + coinbaseTxOutputs.length + 4;
  }

  writeSuffix({ template }: MiningJob, target: Uint8Array, at: number): void {
    const { coinbaseTxInputSequence, coinbaseTxLocktime, coinbaseTxOutputs } = template;
    const count = this.#count + template.coinbaseTxOutputsCount;
    writeU32(target, at, coinbaseTxInputSequence);
    if (count < 0xfd) target[at + 4] = count;
    else target.set(encodeCompactSize(count), at + 4);
    const outputsAt = at + 4 + compactSize(count);
    target.set(this.#serialized, outputsAt);
    this.#writeValues(template, target, outputsAt);
    const restAt = outputsAt + this.#serialized.length;
    target.set(coinbaseTxOutputs, restAt);
    writeU32(target, restAt + coinbaseTxOutputs.length, coinbaseTxLocktime);
  }

  #writeValues({ coinbaseTxValueRemaining: total }: Template, target: Uint8Array, at: number): void {
    const { miner, pool } = this.#outputs;
    if (pool === undefined || miner === undefined) {
      writeValue(target, at, total);
      return;
    }
    const share = poolShare(total, pool.basisPoints);
    writeValue(target, at, total - share);
    writeValue(target, at + this.#poolAt, share);
  }

  /** What reaches scripts of the pool. */
  #poolIncome(total: bigint): bigint {
    const { miner, pool, poolScripts } = this.#outputs;
    if (miner === undefined || poolScripts.some((script) => equalBytes(script, miner))) return total;
    return pool === undefined ? 0n : poolShare(total, pool.basisPoints);
  }
}

/** {@link Payee.key} of these outputs. */
export function soloKey({ miner, pool }: SoloOutputs): string {
  const own = miner === undefined ? "" : text(miner);
  return pool === undefined ? own : `${own} ${pool.basisPoints} ${text(pool.script)}`;
}

function text(script: Uint8Array): string {
  return Buffer.from(script.buffer, script.byteOffset, script.byteLength).toString("hex");
}

function compactSize(count: number): number {
  return count < 0xfd ? 1 : encodeCompactSize(count).length;
}

/** Amounts are below 2^53: `JobFactory` has built the template's job before, and checked them. */
function writeValue(target: Uint8Array, at: number, satoshi: bigint): void {
  const value = Number(satoshi);
  writeU32(target, at, value >>> 0);
  writeU32(target, at + 4, Math.floor(value / 2 ** 32));
}

function writeU32(target: Uint8Array, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 24;
}
