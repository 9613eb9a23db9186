import { performance } from "node:perf_hooks";
import { LatencyHistogram } from "@lode/simulator";

/** Latencies of a stretch, milliseconds. */
export interface Spread {
  readonly n: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What honest miners saw in a stretch. */
export interface TallyReading {
  readonly seconds: number;
  readonly sent: number;
  readonly accepted: number;
  /** By error code. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Shares whose connection ended before the answer. */
  readonly cut: number;
  /** Connections that ended, by reason. */
  readonly disconnects: Readonly<Record<string, number>>;
  /** Rules that the pool broke, by name. */
  readonly violations: Readonly<Record<string, number>>;
  /** Answers that do not fit what was sent. */
  readonly contradictions: number;
  /** From handing in a share to its answer. */
  readonly answer: Spread;
  /** From the publication of a tip to its job at the miner. */
  readonly tip: Spread;
  readonly newcomers: NewcomerReading;
  /** The same from an address that attackers use, too. */
  readonly neighbours: NewcomerReading;
  /** Plain TCP connects and SV1 lines. */
  readonly probes: { readonly n: number; readonly turnedAway: number; readonly longestStreak: number };
  /** CPU time of the honest miners' process, seconds. */
  readonly cpuSeconds: number;
}

/** Miners that come while the soak runs: handshake, channel, job, one share, and leave. */
export interface NewcomerReading {
  readonly n: number;
  /** By what failed. */
  readonly failed: Readonly<Record<string, number>>;
  /** From the first packet to the acknowledged share. */
  readonly ready: Spread;
}

/** Counts by name; names come from the pool, so there are few. */
export class Counts {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  reading(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}

export class NewcomerTally {
  n = 0;
  readonly failed = new Counts();
  readonly ready = new LatencyHistogram();

  reading(): NewcomerReading {
    return { n: this.n, failed: this.failed.reading(), ready: spreadOf(this.ready) };
  }
}

/** Counts of one stretch; memory is fixed. */
export class Tally {
  sent = 0;
  accepted = 0;
  cut = 0;
  contradictions = 0;
  probes = 0;
  turnedAway = 0;
  longestStreak = 0;
  readonly rejected = new Counts();
  readonly disconnects = new Counts();
  readonly violations = new Counts();
  readonly answer = new LatencyHistogram();
  readonly tip = new LatencyHistogram();
  readonly newcomers = new NewcomerTally();
  readonly neighbours = new NewcomerTally();
  readonly #startedAt = performance.now();
  readonly #cpu = process.cpuUsage();

  reading(): TallyReading {
    const { sent, accepted, cut, contradictions } = this;
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      seconds: (performance.now() - this.#startedAt) / 1000,
      ...{ sent, accepted, cut, contradictions },
      rejected: this.rejected.reading(),
      disconnects: this.disconnects.reading(),
      violations: this.violations.reading(),
      answer: spreadOf(this.answer),
      tip: spreadOf(this.tip),
      newcomers: this.newcomers.reading(),
      neighbours: this.neighbours.reading(),
      probes: { n: this.probes, turnedAway: this.turnedAway, longestStreak: this.longestStreak },
      cpuSeconds: (user + system) / 1e6,
    };
  }
}

function spreadOf(histogram: LatencyHistogram): Spread {
  const { count: n, p50, p99, max } = histogram.summary();
  return { n, p50, p99, max };
}
