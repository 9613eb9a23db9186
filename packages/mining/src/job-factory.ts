import { buildCoinbase, concatBytes, serializeOutput, targetToBytes } from "@lode/bitcoin";
import type { Native } from "@lode/native";
import { type Clock, CodedError, type Random } from "@lode/ports";
import { FULL_EXTRANONCE_SIZE } from "./extranonce-allocator.ts";
import type { MiningJob, Template } from "./job.ts";
import type { JobFacts } from "./job-facts.ts";
import type { Tip } from "./tip.ts";

/** Longest pool tag, bytes: with the longest BIP34 push, the job's own push and the extranonce it is 100 in all. */
export const MAX_TAG_LENGTH = 60;

/** Settings no job can be built with. */
export type JobFactoryErrorType = { code: "tag-too-long"; length: number } | { code: "empty-payout-script" };
/** Thrown by the constructor of {@link JobFactory}. */
export class JobFactoryError extends CodedError<JobFactoryErrorType> {}

/** What a {@link JobFactory} works with. */
export interface JobFactoryOptions {
  native: Pick<Native, "createJob">;
  /** Pool tag for the coinbase, at most {@link MAX_TAG_LENGTH} bytes; may be empty. */
  tag: Uint8Array;
  /** Output script that gets the whole reward. */
  payoutScript: Uint8Array;
  /** New coins at a height, satoshi: what the template's value has above them are fees. */
  subsidyAt: (height: number) => bigint;
  random: Random;
  clock: Pick<Clock, "now">;
}

/** Bytes drawn at random, once per process, in front of the serial. */
const NONCE_SIZE = 8;
const SERIALS = 2 ** 32;

/**
 * Turns templates into jobs. The scriptSig is the template's prefix (BIP34), a push of the tag, one push of 8 random bytes
 * and the job's u32 serial (little-endian), and one push of the extranonce. So every job is new work even for the same
 * template (SV2 5.1), and nothing found by an earlier process or by one that wrongly shares a server id can be paid twice.
 */
export class JobFactory {
  readonly #options: JobFactoryOptions;
  /** Random bytes, then the serial. */
  readonly #unique = new Uint8Array(NONCE_SIZE + 4);
  #built = 0;
  #factsOf: { readonly template: Template; readonly tip: Tip; readonly facts: JobFacts } | undefined;

  /** @throws JobFactoryError */
  constructor(options: JobFactoryOptions) {
    if (options.tag.length > MAX_TAG_LENGTH) {
      throw new JobFactoryError({ code: "tag-too-long", length: options.tag.length });
    }
    if (options.payoutScript.length === 0) throw new JobFactoryError({ code: "empty-payout-script" });
    this.#options = { ...options, tag: options.tag.slice(), payoutScript: options.payoutScript.slice() };
  }

  /**
   * A job with a serial of its own; twice from the same template gives different work.
   *
   * @param minNtime smallest ntime of its shares, seconds
   * @throws CoinbaseError (`@lode/bitcoin`) when the template's prefix leaves no room in the scriptSig or its value is no
   *   amount of money; NativeError when a hash has a wrong length
   */
  build(template: Template, tip: Tip, minNtime: number): MiningJob {
    const { native, tag, payoutScript, clock } = this.#options;
    const serial = this.#nextSerial();
    const reward = serializeOutput(template.coinbaseTxValueRemaining, payoutScript);
    const { prefix, suffix } = buildCoinbase({
      version: template.coinbaseTxVersion,
      prefix: template.coinbasePrefix,
      tag,
      unique: this.#unique,
      extranonceSize: FULL_EXTRANONCE_SIZE,
      sequence: template.coinbaseTxInputSequence,
      outputs: concatBytes(reward, template.coinbaseTxOutputs),
      outputsCount: 1 + template.coinbaseTxOutputsCount,
      locktime: template.coinbaseTxLocktime,
    });
    const handle = native.createJob({
      coinbaseTxPrefix: prefix,
      coinbaseTxSuffix: suffix,
      merklePath: concatBytes(...template.merklePath),
      prevHash: tip.prevHash,
      nbits: tip.nbits,
    });
    return {
      serial,
      template,
      tip,
      minNtime,
      version: template.version,
      coinbaseTxPrefix: prefix,
      coinbaseTxSuffix: suffix,
      merklePath: template.merklePath,
      handle,
      facts: this.#facts(template, tip),
      networkTarget: targetToBytes(tip.target),
      createdAt: clock.now(),
    };
  }

  #facts(template: Template, tip: Tip): JobFacts {
    const known = this.#factsOf;
    if (known !== undefined && known.template === template && known.tip === tip) return known.facts;
    const { height, coinbaseTxValueRemaining: value } = template;
    const fees = value - this.#options.subsidyAt(height);
    const facts: JobFacts = Object.freeze({
      kind: "pool",
      prevHash: tip.prevHash,
      height,
      nbits: tip.nbits,
      value,
      referenceValue: value,
      templateFees: fees > 0n ? fees : 0n,
    });
    this.#factsOf = { template, tip, facts };
    return facts;
  }

  #nextSerial(): number {
    const low = this.#built % SERIALS;
    // Where the u32 starts again, the bytes in front of it change.
    if (low === 0) this.#unique.set(this.#options.random(NONCE_SIZE));
    new DataView(this.#unique.buffer).setUint32(NONCE_SIZE, low, true);
    return this.#built++;
  }
}
