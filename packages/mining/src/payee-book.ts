import { equalBytes } from "@lode/bitcoin";
import type { Native } from "@lode/native";
import type { Identity } from "./identity.ts";
import type { JobFacts } from "./job-facts.ts";
import {
  type Payee,
  poolPayee,
  type SoloOutputs,
  SoloPayee,
  soloKey,
  type VariantMaker,
  WHOLE,
} from "./payee.ts";

/** What a {@link PayeeBook} works with. */
export interface PayeeBookOptions {
  readonly native: Pick<Native, "createJob">;
  /** The pool's own script, to which donations go. */
  readonly poolScript: Uint8Array;
  /** What a solo miner's block pays beside the miner. */
  readonly soloFee?: SoloFee;
}

/** A fee on solo blocks. */
export interface SoloFee {
  readonly script: Uint8Array;
  /** Hundredths of a percent, 1 … 1,000. */
  readonly basisPoints: number;
}

/** Jobs whose facts are kept, for all fees there are. */
const KEPT_JOBS = 4;

/** The payees of all open channels, each once. */
export class PayeeBook {
  readonly #options: PayeeBookOptions;
  readonly #make: VariantMaker;
  /** Parts of all payees, each once. */
  readonly #poolScripts: readonly Uint8Array[];
  readonly #fee: SoloOutputs["pool"];
  readonly #held = new Map<string, { readonly payee: Payee; channels: number }>();
  readonly #facts = new Map<JobFacts, Map<bigint, JobFacts>>();

  constructor(options: PayeeBookOptions) {
    this.#options = options;
    const { poolScript, soloFee } = options;
    this.#poolScripts = soloFee === undefined ? [poolScript] : [poolScript, soloFee.script];
    this.#fee = soloFee && { script: soloFee.script, basisPoints: BigInt(soloFee.basisPoints) };
    this.#make = { native: options.native, soloFacts: (job, value) => this.#soloFacts(job, value) };
  }

  /** Payees beside the pool. */
  get size(): number {
    return this.#held.size;
  }

  /** The payee of a channel; to be held while it is open. The same object for the same outputs while anybody holds it. */
  of(identity: Identity): Payee {
    if (identity.solo !== true) return poolPayee;
    const outputs = this.#outputsOf(identity);
    return this.#held.get(soloKey(outputs))?.payee ?? new SoloPayee(outputs, this.#make);
  }

  /** A channel with this payee is open. */
  hold(payee: Payee): void {
    if (payee === poolPayee) return;
    const held = this.#held.get(payee.key);
    if (held === undefined) this.#held.set(payee.key, { payee, channels: 1 });
    else held.channels++;
  }

  /** A channel with this payee is closed. */
  letGo({ key }: Payee): void {
    const held = this.#held.get(key);
    if (held !== undefined && --held.channels === 0) this.#held.delete(key);
  }

  /** A donation takes the place of the fee; the identity's reader has seen that it is not less. */
  #outputsOf({ payoutScript: miner, donationPercent = 0 }: Identity): SoloOutputs {
    const { poolScript } = this.#options;
    const poolScripts = this.#poolScripts;
    if (donationPercent >= 100) {
      return { miner: undefined, pool: { script: poolScript, basisPoints: WHOLE }, poolScripts };
    }
    const pool =
      donationPercent > 0 ? { script: poolScript, basisPoints: BigInt(donationPercent) * 100n } : this.#fee;
    const isOne = pool !== undefined && equalBytes(pool.script, miner);
    return { miner, pool: isOne ? undefined : pool, poolScripts };
  }

  #soloFacts(job: JobFacts, value: bigint): JobFacts {
    let known = this.#facts.get(job);
    if (known === undefined) {
      if (this.#facts.size >= KEPT_JOBS) this.#facts.delete(this.#facts.keys().next().value!);
      known = new Map();
      this.#facts.set(job, known);
    }
    let facts = known.get(value);
    if (facts === undefined) {
      facts = Object.freeze({ ...job, kind: "solo", value, referenceValue: value } as const);
      known.set(value, facts);
    }
    return facts;
  }
}
