import { Prng } from "@lode/testing/random";
import { describe, expect, it } from "vitest";
import { apportion } from "./apportion.ts";
import { windowOf } from "./window.ts";

/** A slice of a simulated pool. The strategist is small: its own work does not move the slices. */
interface Era {
  /** The pool's work and the network's, expected hashes. */
  readonly work: number;
  readonly netWork: number;
  /** How much of its hash rate the strategist used in this slice, 0 … 1. */
  readonly used: number;
}

const N = 4;
const SLICES_PER_BLOCK = 50;
const NET_WORK = 1_000_000;

function pool(
  count: number,
  slice: (at: number, found: boolean) => { netWork?: number; used: number; size?: number },
): Era[] {
  const random = new Prng(7);
  const eras: Era[] = [];
  let found = false;
  for (let at = 0; at < count; at++) {
    const { netWork = NET_WORK, used, size = 1 } = slice(at, found);
    const work = Math.round((NET_WORK * size) / SLICES_PER_BLOCK);
    found = random.below(1_000_000) < (1_000_000 * work) / netWork;
    eras.push({ work, netWork, used });
  }
  return eras;
}

type Share = (
  eras: readonly Era[],
  block: number,
) => { weight: (at: number) => number; from: number; total: number };

/** Expected reward for the strategist's work against the fair one, summed over all blocks that each slice may find. */
function fairness(eras: readonly Era[], window: Share): number {
  let earned = 0;
  for (let block = N * SLICES_PER_BLOCK * 2; block < eras.length; block++) {
    const { weight, from, total } = window(eras, block);
    let mine = 0;
    for (let at = from; at < block; at++) mine += weight(at) * eras[at]!.used;
    earned += ((eras[block]!.work / eras[block]!.netWork) * mine) / total;
  }
  const worked = eras.reduce((sum, { work, netWork, used }) => sum + (used * work) / netWork, 0);
  return earned / worked;
}

/** The product's window: each slice in units of its own difficulty. */
const unitPplns: Share = (eras, block) => {
  const heads = function* () {
    for (let seq = block - 1; seq >= 0; seq--) {
      const { work, netWork } = eras[seq]!;
      yield { seq, netWork: BigInt(netWork), windowWork: BigInt(work) };
    }
  };
  const { fullFrom, boundary, filled } = windowOf(heads(), { num: BigInt(N), den: 1n });
  const part = boundary === null ? 0 : Number(boundary.phi.num) / Number(boundary.phi.den);
  return {
    from: boundary?.seq ?? fullFrom!,
    weight: (at) => ((at === boundary?.seq ? part : 1) * eras[at]!.work) / eras[at]!.netWork,
    total: Number(filled.num) / Number(filled.den),
  };
};

/** Rejected: the last N times the difficulty at the block, shares by work. */
const timesDifficultyNow: Share = (eras, block) => {
  let left = N * eras[block]!.netWork;
  let from = block;
  while (left > 0 && from > 0) left -= eras[--from]!.work;
  const oldest = from;
  return {
    from,
    weight: (at) => eras[at]!.work + (at === oldest ? Math.min(0, left) : 0),
    total: N * eras[block]!.netWork,
  };
};

const WINDOW = N * SLICES_PER_BLOCK;
const quiet = (at: number) => at > 2 * WINDOW && at < 4_000;

/** Half a window before (-1) or after (+1) the step in the middle. */
const aroundStep = (step: number, side: -1 | 1) =>
  pool(12 * WINDOW, (at) => {
    const distance = (at - 6 * WINDOW) * side;
    return {
      netWork: at < 6 * WINDOW ? NET_WORK : Math.round(NET_WORK * step),
      used: distance >= 0 && distance < WINDOW / 2 ? 1 : 0,
    };
  });

describe("nobody earns more by choosing when to mine", () => {
  let age = 0;
  const strategies: Record<string, Era[]> = {
    "all the time": pool(5_000, (at) => ({ used: quiet(at) ? 1 : 0 })),
    "every second half day": pool(5_000, (at) => ({ used: quiet(at) && at % 144 < 72 ? 1 : 0 })),
    "only in young rounds": pool(5_000, (at, found) => {
      age = found ? 0 : age + 1 / SLICES_PER_BLOCK;
      return { used: quiet(at) && age < 0.435 ? 1 : 0 };
    }),
    "only before the difficulty falls": aroundStep(1 / 1.1, -1),
    "only after the difficulty fell": aroundStep(1 / 1.1, 1),
    "only before the difficulty rises": aroundStep(1.1, -1),
    "only after the difficulty rose": aroundStep(1.1, 1),
    "in the last second before each slice is sealed": pool(5_000, (at) => ({
      used: quiet(at) ? 0.01 : 0,
      size: 0.5 + ((at * 7_919) % 100) / 100,
    })),
  };

  it.each(Object.keys(strategies))("%s", (name) => {
    const gain = fairness(strategies[name]!, unitPplns);
    expect(Math.abs(gain - 1)).toBeLessThan(0.003);
  });

  it("a window of N times the present difficulty pays 4.8 % more before a step down (rejected)", () => {
    const gain = fairness(aroundStep(1 / 1.1, -1), timesDifficultyNow);
    expect(gain).toBeGreaterThan(1.045);
    expect(gain).toBeLessThan(1.051);
    expect(fairness(aroundStep(1.1, -1), timesDifficultyNow)).toBeLessThan(0.965);
  });

  it("a proportional round pays 1.79 times to those who leave early (rejected)", () => {
    let reward = 0;
    let work = 0;
    const rounds = 1_000_000;
    for (let at = 0; at < rounds; at++) {
      const length = -Math.log(1 - (at + 0.5) / rounds);
      const mined = Math.min(length, 0.435);
      work += mined;
      reward += mined / length;
    }
    expect(reward / work).toBeGreaterThan(1.78);
    expect(reward / work).toBeLessThan(1.81);
  });
});

describe("nobody earns more by how the work is sent", () => {
  /** Credit of a miner with one hash rate at a share difficulty, in expectation, over a million pieces of the odds. */
  const credit = (difficulty: number, worth: (achieved: number) => number): number => {
    const pieces = 1_000_000;
    const steepest = Math.log(1e30);
    let sum = 0;
    for (let at = 0; at < pieces; at++) {
      const odds = Math.exp(-((at + 0.5) / pieces) * steepest);
      sum += worth(difficulty / odds) * odds * (steepest / pieces);
    }
    return sum / difficulty; // shares come 1 / difficulty as often
  };

  it("with easy or with hard shares", () => {
    const asked = (difficulty: number) => credit(difficulty, () => difficulty);
    expect(Math.abs(asked(1e3) / asked(1e6) - 1)).toBeLessThan(0.003);
  });

  it("the difficulty that a hash happened to reach pays 1.35 times for easy shares (rejected)", () => {
    const best = 1.446e14;
    const achieved = (difficulty: number) => credit(difficulty, (reached) => Math.min(reached, best));
    expect(achieved(1e3) / achieved(1e6)).toBeGreaterThan(1.34);
    expect(achieved(1e3) / achieved(1e6)).toBeLessThan(1.36);
  });

  it("held back until the difficulty has changed: a share keeps its job's target", () => {
    // 1,000 shares of work 8 under the job's target, sent when the session's is 64.
    const shares = Array.from({ length: 1_000 }, () => ({ job: 8n, session: 64n }));
    const fair = 8_000n;
    const paid = (by: "job" | "session") => shares.reduce((sum, share) => sum + share[by], 0n);
    expect(paid("job")).toBe(fair);
    expect(paid("session")).toBe(8n * fair); // rejected: the ratio of the difficulties
  });

  it("under a thousand names", () => {
    const random = new Prng(11);
    let one = 0n;
    let many = 0n;
    for (let block = 0; block < 200; block++) {
      const reward = 312_500_000n + BigInt(random.below(10_000_000));
      const others = Array.from({ length: 500 }, () => BigInt(1 + random.below(1_000_000)));
      const names = Array.from({ length: 1_000 }, () => BigInt(1 + random.below(100_000)));
      const mine = names.reduce((sum, work) => sum + work, 0n);
      const tie = () => new Uint8Array(32);
      one += apportion(reward, [...others, mine], tie).at(-1)!;
      many += apportion(reward, [...others, ...names], tie)
        .slice(others.length)
        .reduce((sum, part) => sum + part, 0n);
    }
    expect(Math.abs(Number(many - one)) / Number(one)).toBeLessThan(0.000_001);
  });
});
