import { setTimeout as pause } from "node:timers/promises";
import { systemMs } from "@lode/simulator";
import type { Crowd } from "./crowd.ts";
import { type GeneratorShare, largerShare } from "./generator-share.ts";
import type { PoolHost } from "./pool-host.ts";
import { median } from "./row.ts";

/** One template's way from the pool to all miners. */
export interface FanOut {
  /** From the template's arrival in the pool until that miner had opened and read its job, milliseconds. */
  readonly first: number;
  readonly median: number;
  readonly p99: number;
  readonly last: number;
  /** CPU time of the pool's process per miner, microseconds. */
  readonly cpu: number;
  /** Delay of the pool's event loop meanwhile, milliseconds. */
  readonly loopDelayMax: number;
  readonly loopDelayP99: number;
  readonly generator: GeneratorShare;
}

/** What the pool does once the last miner has its job, such as freeing memory, is in the figures too. */
const AFTER_MS = 100;

/**
 * Publishes a template and follows it to the last miner.
 *
 * @param kind `tip-behind-refresh`: a new tip right behind another template on the old one; the figures are the tip's, from
 *   the moment it was sent
 */
export async function measureFanOut(
  pool: PoolHost,
  crowd: Crowd,
  kind: "tip" | "refresh" | "tip-behind-refresh",
): Promise<FanOut> {
  const before = await pool.ask("observe");
  const behind = kind === "tip-behind-refresh";
  const { everywhere } = await crowd.watch(before.nextStamps[behind ? 1 : 0]!);
  const { askedAt } = behind ? await sendTipBehindRefresh(pool) : await pool.ask(kind);
  const { times, shareOf } = await everywhere;
  await pause(AFTER_MS);
  const after = await pool.ask("read");
  return {
    ...quantilesSince(askedAt, times),
    cpu: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / times.length,
    loopDelayMax: after.loopDelayMaxMs,
    loopDelayP99: after.loopDelayP99Ms,
    generator: shareOf(times.at(-1)! - askedAt),
  };
}

/** First, median, 99 in 100 and last of ascending times, after a moment. */
export function quantilesSince(start: number, times: readonly number[]) {
  const at = (part: number) => times[Math.max(0, Math.ceil(part * times.length) - 1)]! - start;
  return { first: at(0), median: at(0.5), p99: at(0.99), last: at(1) };
}

/** Medians of several; the generator's share is the largest. */
export function summarizeFanOuts(fanOuts: readonly FanOut[]): FanOut {
  const of = (read: (fanOut: FanOut) => number) => median(fanOuts.map(read));
  return {
    first: of(({ first }) => first),
    median: of((fanOut) => fanOut.median),
    p99: of(({ p99 }) => p99),
    last: of(({ last }) => last),
    cpu: of(({ cpu }) => cpu),
    loopDelayMax: of(({ loopDelayMax }) => loopDelayMax),
    loopDelayP99: of(({ loopDelayP99 }) => loopDelayP99),
    generator: fanOuts.map(({ generator }) => generator).reduce(largerShare),
  };
}

async function sendTipBehindRefresh(pool: PoolHost): Promise<{ askedAt: number }> {
  const askedAt = systemMs();
  await Promise.all([pool.ask("refresh"), pool.ask("tip")]);
  return { askedAt };
}
