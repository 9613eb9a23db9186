import { Prng } from "@lode/testing/random";
import { type IssuedJob, LEAST_WORK, type PoolKind } from "./pools/pool-side.ts";

/** From `from` on (seconds), the miner hashes at `hashrate`. */
export interface Phase {
  readonly from: number;
  readonly hashrate: number;
}

/** One miner on one channel. */
export interface Scenario {
  /** What the client claims, hashes per second. */
  readonly claim: number;
  /** The truth, in order of time, the first from 0. */
  readonly truth: readonly Phase[];
  readonly seconds: number;
  readonly sharesPerMinute: number;
  /** Time of a message from one side to the other, milliseconds. */
  readonly latencyMs?: number;
  /** Refused shares for every share that is found. */
  readonly refused?: number;
  /** How long the miner still works on the last job when it has a new one, milliseconds. */
  readonly switchMs?: number;
  /** At the start of every such time nothing gets through for so long, and then all at once; milliseconds. */
  readonly stalls?: { readonly everyMs: number; readonly forMs: number };
}

/** The pool gave out another target. */
export interface Step {
  /** Seconds. */
  readonly at: number;
  /** Expected hashes of a share from now on. */
  readonly work: number;
  /** Shares the pool had accepted until then. */
  readonly shares: number;
}

/** What one run came to. */
export interface Run {
  readonly scenario: Scenario;
  /** The first is the opening. */
  readonly steps: readonly Step[];
  /** Accepted shares of each minute. */
  readonly perMinute: Uint32Array;
  readonly accepted: number;
  /** Shares that met their target and were refused all the same. */
  readonly lost: number;
  /** Hashes credited, and hashes really made. */
  readonly credited: number;
  readonly hashed: number;
}

/** No device hands in more shares than this a second. */
const MOST_SHARES_A_SECOND = 2_000;
const DEFAULT_LATENCY_MS = 50;

/** Shares in flight, first in, first out. */
interface Flight {
  readonly at: number;
  readonly job: IssuedJob;
  readonly meetsTarget: boolean;
}

/**
 * Runs a miner against a pool. The miner finds shares as a Poisson process at hashrate / work of the job it works on;
 * messages of both directions take their time. Equal seeds give equal runs.
 */
export function simulate(scenario: Scenario, kind: PoolKind, seed: number): Run {
  const random = new Prng(seed);
  const { claim, sharesPerMinute, truth, refused = 0 } = scenario;
  const latency = scenario.latencyMs ?? DEFAULT_LATENCY_MS;
  const delivery = (at: number) => afterStall(at + latency, scenario.stalls);
  const switchMs = scenario.switchMs ?? 0;
  const end = scenario.seconds * 1000;
  const pool = kind({ claim, sharesPerMinute, phase: uniform(random) });
  const steps: Step[] = [{ at: 0, work: pool.job.work, shares: 0 }];
  const perMinute = new Uint32Array(Math.ceil(scenario.seconds / 60));
  let issued = pool.job;
  let hashing = pool.job;
  const jobs: { at: number; job: IssuedJob }[] = [];
  const shares: Flight[] = [];
  let nextShare = 0;
  let nextJob = 0;
  let phase = 0;
  let now = 0;
  let accepted = 0;
  let lost = 0;
  let credited = 0;
  let hashed = 0;

  const untilShare = () => {
    const rate = Math.min(truth[phase]!.hashrate / hashing.work, MOST_SHARES_A_SECOND);
    return rate === 0 ? Number.POSITIVE_INFINITY : (-Math.log(uniform(random)) / rate) * 1000;
  };
  let foundAt = untilShare();

  for (;;) {
    const phaseAt = phase + 1 < truth.length ? truth[phase + 1]!.from * 1000 : Number.POSITIVE_INFINITY;
    const jobAt = nextJob < jobs.length ? jobs[nextJob]!.at : Number.POSITIVE_INFINITY;
    const shareAt = nextShare < shares.length ? shares[nextShare]!.at : Number.POSITIVE_INFINITY;
    const next = Math.min(foundAt, phaseAt, jobAt, shareAt, pool.wakeAt, end);
    hashed += ((next - now) / 1000) * truth[phase]!.hashrate;
    now = next;
    if (now >= end) break;
    if (now === shareAt) {
      const { job, meetsTarget } = shares[nextShare++]!;
      const work = pool.submit(job, meetsTarget, now);
      if (work > 0) {
        accepted++;
        credited += work;
        perMinute[Math.floor(now / 60_000)]!++;
      } else if (meetsTarget) lost++;
    } else if (now === pool.wakeAt) pool.wake(now);
    else if (now === foundAt) {
      shares.push({ at: delivery(now), job: hashing, meetsTarget: true });
      if (refused > 0 && random.chance(refused)) {
        shares.push({ at: delivery(now), job: hashing, meetsTarget: false });
      }
      foundAt = now + untilShare();
    } else {
      // The process has no memory: another job or another speed starts the wait for the next share anew.
      if (now === jobAt) hashing = jobs[nextJob++]!.job;
      else phase++;
      foundAt = now + untilShare();
    }
    if (nextShare > 4_096) nextShare -= shares.splice(0, nextShare).length;
    if (pool.job === issued) continue;
    if (pool.job.work !== issued.work) steps.push({ at: now / 1000, work: pool.job.work, shares: accepted });
    issued = pool.job;
    jobs.push({ at: delivery(now) + switchMs, job: issued });
    if (nextJob > 256) nextJob -= jobs.splice(0, nextJob).length;
  }
  return { scenario, steps, perMinute, accepted, lost, credited, hashed };
}

/** Expected hashes of the right share at a time: the wished rate, but never easier than the pool allows. */
export function rightWork({ truth, sharesPerMinute }: Scenario, seconds: number): number {
  const { hashrate } = truth.findLast(({ from }) => from <= seconds)!;
  return Math.max((hashrate * 60) / sharesPerMinute, LEAST_WORK);
}

function afterStall(at: number, stalls: Scenario["stalls"]): number {
  if (stalls === undefined) return at;
  const since = at % stalls.everyMs;
  return since < stalls.forMs ? at - since + stalls.forMs : at;
}

/** Uniform in (0, 1]. */
function uniform(random: Prng): number {
  return (random.u32() + 1) / 2 ** 32;
}
