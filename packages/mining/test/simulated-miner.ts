import { Vardiff } from "../src/index.ts";

/** Uniform numbers in (0, 1], repeatable. */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e37_79b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0_aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a_2d97);
    return (((mixed ^ (mixed >>> 15)) >>> 0) + 1) / 2 ** 32;
  };
}

/** What happens in a simulated run. */
export interface Scenario {
  seed: number;
  /** What the client claims, hashes per second. */
  nominal: number;
  /** The truth at a time. */
  hashrate: (seconds: number) => number;
  seconds: number;
  sharesPerMinute?: number;
}

/** One stretch of time at one target. */
export interface Stretch {
  from: number;
  to: number;
  /** Shares a minute at this target divided by those wished: above 1 the target is too easy. */
  ratio: number;
}

/** A finished run. */
export interface Run {
  stretches: Stretch[];
  /** When the target changed, seconds. */
  retargets: number[];
  shares: number;
}

const TIMER_SECONDS = 10;
/** From the decision to the first hash at the new target. */
const LATENCY_SECONDS = 1;
const LOWEST = 1e5;

/** A miner that finds shares as a Poisson process, on a channel that a {@link Vardiff} steers. */
export function mine({ seed, nominal, hashrate, seconds, sharesPerMinute = 6 }: Scenario): Run {
  const random = uniform(seed);
  const vardiff = new Vardiff(nominal, LOWEST);
  const wished = () => (vardiff.assumedHashrate * 60) / sharesPerMinute;
  const run: Run = { stretches: [], retargets: [], shares: 0 };
  let now = 0;
  let inForce = wished();
  let hashed = inForce;
  let switchAt = Number.POSITIVE_INFINITY;
  let timerAt = TIMER_SECONDS;
  /** Hashes the miner still has to make until its next share, in units of the expectation. */
  let luck = -Math.log(random());
  vardiff.bind(inForce, 0);
  while (now < seconds) {
    const speed = hashrate(now) / hashed;
    // Rates change on whole seconds.
    const next = Math.min(now + luck / speed, switchAt, timerAt, Math.floor(now + 1));
    luck -= (next - now) * speed;
    const ratio = (hashrate(now) * 60) / sharesPerMinute / inForce;
    const last = run.stretches.at(-1);
    if (last?.ratio === ratio) last.to = next;
    else run.stretches.push({ from: now, to: next, ratio });
    now = next;
    let reconsider = false;
    if (luck <= 1e-9) {
      luck = -Math.log(random());
      run.shares++;
      if (hashed === inForce) reconsider = vardiff.onAcceptedShare(now * 1000);
    } else if (now === switchAt) {
      hashed = inForce;
      luck = -Math.log(random());
      switchAt = Number.POSITIVE_INFINITY;
    } else if (now === timerAt) {
      timerAt += TIMER_SECONDS;
      reconsider = vardiff.onTimer(now * 1000);
    }
    if (!reconsider) continue;
    run.retargets.push(now);
    inForce = wished();
    vardiff.bind(inForce, now * 1000);
    switchAt = now + LATENCY_SECONDS;
  }
  return run;
}

/** Seconds from `since` until the target is first within `factor` of right, Infinity if never. */
export function settlingTime(run: Run, factor: number, since = 0): number {
  const found = run.stretches.find(({ to, ratio }) => to > since && ratio < factor && ratio > 1 / factor);
  return found === undefined ? Number.POSITIVE_INFINITY : Math.max(found.from - since, 0);
}

/** Part of the time after `since` in which the target was within `factor` of right. */
export function timeWithin(run: Run, factor: number, since: number): number {
  let good = 0;
  let all = 0;
  for (const { from, to, ratio } of run.stretches) {
    const length = Math.max(to - Math.max(from, since), 0);
    all += length;
    if (ratio < factor && ratio > 1 / factor) good += length;
  }
  return good / all;
}

/** The value below which the part `p` of the values lies. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor(p * sorted.length), sorted.length - 1)]!;
}
