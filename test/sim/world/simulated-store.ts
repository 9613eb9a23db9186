import {
  LedgerError,
  openShareBatch,
  type ShareBatch,
  type ShareRecord,
  type ShareStore,
  type TransientReason,
} from "@lode/ledger";
import type { Prng } from "@lode/testing/random";
import { hex } from "../model/hashing.ts";
import type { ProcessClock } from "./process-clock.ts";
import { SimulatedFault, type World } from "./world.ts";

/** How the database is doing: `flaky` answers in every way there is, `down` in none. */
export type StoreHealth = "healthy" | "slow" | "flaky" | "down";

/** What becomes of one commit. Times in milliseconds from now. */
interface Plan {
  readonly kind: string;
  /** When the row is written; null: never. */
  readonly effect: number | null;
  readonly answer: number;
  /** The code of the refusal; null: confirmed. */
  readonly code: "unknown-outcome" | "unavailable" | "refused" | "unexpected" | null;
  readonly reason?: TransientReason;
}

interface Effect {
  readonly run: string;
  cancelled: boolean;
}

/** A commit without an answer is given up after this long, as by the ledger's own store. */
const DEADLINE_MS = 2_000;

/**
 * The database: rows by (run, seq), the same in every process. An attempt may be delayed, refused, confirmed, written and
 * refused all the same, or hang and take effect long after it was given up.
 */
export class SimulatedStore {
  readonly #world: World;
  readonly #prng: Prng;
  /** Rows by run and seq: hash of the payload. */
  readonly #rows = new Map<string, Map<number, string>>();
  readonly #endedRuns = new Set<string>();
  readonly #effects = new Set<Effect>();
  readonly #onRecord: (run: string, record: ShareRecord) => void;
  health: StoreHealth = "healthy";
  /** Virtual time when the store was last anything but healthy. */
  lastTrouble = Number.NEGATIVE_INFINITY;

  /** @param onRecord hears of every share that is durable now */
  constructor(world: World, onRecord: (run: string, record: ShareRecord) => void) {
    this.#world = world;
    this.#prng = world.prng.fork();
    this.#onRecord = onRecord;
  }

  /** The store as a process sees it. @param onRun hears of the run the process uses */
  session(clock: ProcessClock, onRun: (run: string) => void): ShareStore {
    return {
      commit: (batch) => {
        if (!clock.alive) return new Promise(() => {});
        if (this.#endedRuns.has(batch.run)) {
          this.#world.violate("no-key-twice", `run ${batch.run} belonged to an earlier process`);
        }
        onRun(batch.run);
        return clock.seen(this.#commit(batch));
      },
      renew: (run) => (clock.alive ? clock.seen(this.#renew(run)) : new Promise(() => {})),
    };
  }

  /** A process died: each of its statements that is under way is carried out or not. */
  abandon(run: string): void {
    for (const effect of this.#effects) {
      if (effect.run === run && this.#prng.chance(0.5)) effect.cancelled = true;
    }
    this.#endedRuns.add(run);
  }

  /** Whether anything may still be written for this run. */
  mayStillWrite(run: string): boolean {
    for (const effect of this.#effects) if (effect.run === run && !effect.cancelled) return true;
    return false;
  }

  /** Forgets the rows of a run that is over; its name stays taken. */
  forget(run: string): void {
    this.#rows.delete(run);
  }

  #commit(batch: ShareBatch): Promise<void> {
    const plan = this.#plan();
    if (plan.code !== null || plan.answer > 100) this.#world.fault(`store-${plan.kind}`);
    this.#world.trace.event(`commit ${batch.run.slice(0, 8)}/${batch.seq} of ${batch.n}: ${plan.kind}`);
    let conflict = false;
    if (plan.effect !== null) {
      const effect: Effect = { run: batch.run, cancelled: false };
      this.#effects.add(effect);
      this.#world.clock.after(plan.effect, () => {
        this.#effects.delete(effect);
        if (!effect.cancelled) conflict = !this.#write(batch);
      });
    }
    return new Promise((resolve, reject) => {
      this.#world.clock.after(plan.answer, () => {
        if (conflict) reject(new LedgerError({ code: "batch-conflict", run: batch.run, seq: batch.seq }));
        else if (plan.code === null) resolve();
        else reject(refusalOf(plan.code, plan.reason ?? "connection"));
      });
    });
  }

  /** A sign of life: answered or refused as a commit is, and written nowhere. */
  #renew(run: string): Promise<void> {
    if (this.#endedRuns.has(run)) this.#world.violate("no-key-twice", `run ${run} is renewed after its end`);
    const { answer, code, reason } = this.#plan();
    return new Promise((resolve, reject) => {
      this.#world.clock.after(answer, () => {
        if (code === null) resolve();
        else reject(refusalOf(code, reason ?? "connection"));
      });
    });
  }

  #plan(): Plan {
    const prng = this.#prng;
    const quick = prng.pick([0, 0, 1, 1, 2, 5]);
    if (this.health !== "healthy") this.lastTrouble = this.#world.clock.monotonic();
    switch (this.health) {
      case "healthy":
        return { kind: "ok", effect: quick, answer: quick, code: null };
      case "slow": {
        const answer = prng.between(5, DEADLINE_MS - 1);
        return { kind: "delay", effect: prng.between(0, answer), answer, code: null };
      }
      case "flaky":
        return this.#flaky(quick);
      case "down":
        return prng.chance(0.5)
          ? { kind: "hang", effect: null, answer: DEADLINE_MS, code: "unknown-outcome", reason: "timeout" }
          : { kind: "away", effect: null, answer: quick, code: "unknown-outcome" };
    }
  }

  #flaky(quick: number): Plan {
    const prng = this.#prng;
    const late = quick + prng.between(0, 1_000);
    switch (prng.below(8)) {
      case 0:
      case 1:
        return { kind: "ok", effect: quick, answer: quick, code: null };
      case 2:
        return { kind: "delay", effect: late, answer: late, code: null };
      case 3:
        return { kind: "error", effect: null, answer: late, code: "unknown-outcome" };
      case 4:
        return { kind: "commit-then-error", effect: quick, answer: late, code: "unknown-outcome" };
      case 5:
        return {
          kind: "hang-then-commit",
          effect: prng.between(0, 30_000),
          answer: DEADLINE_MS,
          code: "unknown-outcome",
          reason: "timeout",
        };
      case 6:
        return {
          kind: "hang",
          effect: null,
          answer: DEADLINE_MS,
          code: "unknown-outcome",
          reason: "timeout",
        };
      default:
        return {
          kind: "refusal",
          effect: null,
          answer: quick,
          code: prng.pick(["unavailable", "refused", "unexpected"] as const),
        };
    }
  }

  /** On conflict do nothing; false when other bytes stand under the key. */
  #write(batch: ShareBatch): boolean {
    const { run, seq } = batch;
    let rows = this.#rows.get(run);
    if (rows === undefined) {
      rows = new Map();
      this.#rows.set(run, rows);
    }
    const digest = hex(batch.sha256);
    const known = rows.get(seq);
    if (known !== undefined) {
      if (known === digest) return true;
      this.#world.violate("no-key-twice", `two contents under key ${run}/${seq}`);
      return false;
    }
    rows.set(seq, digest);
    for (const record of openShareBatch(batch)) {
      this.#world.counts.shares++;
      this.#onRecord(run, record);
    }
    return true;
  }
}

function refusalOf(code: NonNullable<Plan["code"]>, reason: TransientReason): Error {
  switch (code) {
    case "unknown-outcome":
    case "unavailable":
      return new LedgerError({ code, reason, sqlstate: null });
    case "refused":
      return new LedgerError({ code, sqlstate: "42P01" });
    case "unexpected":
      return new SimulatedFault({ code: "unexpected" });
  }
}
