import { CodedError } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { Prng } from "@lode/testing/random";
import { Trace } from "./trace.ts";

/** What must always hold. The text is what is wrong when it does not. */
export const invariants = {
  "answered-recorded": "a share was answered that is not in the store",
  "no-key-twice": "a share or a batch key is in the store twice",
  "true-record": "the store holds something else than what the miner was promised",
  "pays-finder": "a job or a block pays somebody else than the user it is for, or a group has two such users",
  "block-submitted": "a block was not handed to everybody who should get it",
  bounded: "a queue, a table or the timers grew beyond their bound",
  "right-verdict": "a share got another verdict than the naive model's",
  protocol: "the pool broke a rule of the protocol",
  contained: "an exception or a rejection escaped, or the pool logged a failure of its own",
  alive: "everything works again, yet something that should have happened did not",
} as const;

/** A key of {@link invariants}. */
export type InvariantName = keyof typeof invariants;

/** An invariant that did not hold. */
export interface Violation {
  readonly invariant: InvariantName;
  readonly detail: string;
  /** Virtual milliseconds since the start. */
  readonly at: number;
}

/** A fault as the pool sees it: the codes are those of the product's own errors. */
export class SimulatedFault extends CodedError<{ code: string }> {}

/** Wall clock at the beginning: an arbitrary, fixed instant. */
const EPOCH = 1_785_542_400_000;

/** What every part of a simulation shares: time, chance, the trace, the counts, and the first violation. */
export class World {
  readonly clock = new VirtualClock(EPOCH);
  readonly prng: Prng;
  readonly trace: Trace;
  readonly counts = { faults: 0, crashes: 0, shares: 0, blocks: 0 };
  /** Faults that were injected, by kind. */
  readonly faults = new Map<string, number>();
  /** States and verdicts that were reached, and how often: what was never reached was never tested. */
  readonly reached = new Map<string, number>();
  /** Milliseconds by which the pool machine's wall clock is wrong. */
  wallOffset = 0;
  #violation: Violation | null = null;

  /**
   * @param seed 0 … 2^53 − 1
   * @param onEvent hears every event of the trace
   */
  constructor(seed: number, onEvent?: (line: string) => void) {
    this.prng = new Prng(seed, Math.floor(seed / 2 ** 32));
    this.trace = new Trace(() => this.clock.monotonic(), onEvent);
  }

  /** The first violation; later ones are mostly its consequences. */
  get violation(): Violation | null {
    return this.#violation;
  }

  violate(invariant: InvariantName, detail: string): void {
    this.trace.event(`VIOLATION ${invariant}: ${detail}`);
    this.#violation ??= { invariant, detail, at: this.clock.monotonic() };
  }

  /** Counts that something was reached. */
  reach(what: string): void {
    this.reached.set(what, (this.reached.get(what) ?? 0) + 1);
  }

  /** Counts a fault that was injected. */
  fault(kind: string): void {
    this.counts.faults++;
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
  }

  /** Resolves after `ms` virtual milliseconds, of which 0 is a turn. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.clock.after(ms, resolve);
    });
  }
}
