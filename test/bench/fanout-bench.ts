import { setTimeout as pause } from "node:timers/promises";
import { say } from "../shell-run.ts";
import type { Crowd } from "./crowd.ts";
import { gatherCosted } from "./crowd-cost.ts";
import { type FanOut, measureFanOut, quantilesSince, summarizeFanOuts } from "./fan-out.ts";
import { describeShare, type GeneratorShare, largerShare } from "./generator-share.ts";
import { PoolHost } from "./pool-host.ts";
import { median, type Row, row, significant, spread } from "./row.ts";
import { ADDRESS } from "./share-rows.ts";

interface FanOutSettings {
  readonly connections: number;
  readonly repetitions: number;
  readonly storms: number;
  /** Of the generator. */
  readonly processes: number;
  readonly profileDir: string | undefined;
}

/** The whole benchmark's outcome. */
export interface FanOutResult {
  readonly connections: number;
  readonly rows: readonly Row[];
  /** Per storm: attempts that failed and were followed by another, by the reason a miner sees, and by the pool's. */
  readonly storm_failures: readonly {
    readonly miners: Storm["failures"];
    readonly pool: Storm["refusals"];
  }[];
}

interface Storm {
  readonly firstMs: number;
  readonly medianMs: number;
  readonly lastMs: number;
  /** CPU time of the pool's process per newcomer, ms. */
  readonly newcomer: number;
  readonly loopDelayMax: number;
  readonly loopDelayP99: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly refusals: Readonly<Record<string, number>>;
  readonly generator: GeneratorShare;
}

/** Budgets for 10,000 miners; those with a connection's or a newcomer's cost hold for any number. */
const BUDGETED_CROWD = 10_000;
const MEMORY_KB = 20;
const TIP_MS = 150;
/** The reference pool takes 0.7 to 1.05 ms a newcomer. */
const NEWCOMER_MS = 1.05;
/** A storm that is over leaves nothing behind. */
const AFTER_STORM_MS = 3_000;
const BETWEEN_MS = 300;

/** One pool process and its crowd, from the first connection through tips, refreshes and storms. */
export async function measureFanOutBench(settings: FanOutSettings): Promise<FanOutResult> {
  const { connections, repetitions, storms, processes, profileDir } = settings;
  const pool = await PoolHost.start({
    store: { kind: "memory" },
    templates: { kind: "script" },
    native: "auto",
    profileDir,
  });
  say(`the pool runs (${pool.backends}); connecting ${connections} miners`);
  try {
    const { crowd, gathering, cost, rss } = await gatherCosted(pool, {
      ...{ connections, processes },
      userIdentity: ADDRESS,
    });
    try {
      say(
        `memory ${significant(cost.resident, 3)} kB a connection (heap ${significant(cost.heap, 3)}, outside ${significant(cost.external, 3)}); newcomer ${significant(cost.newcomer, 3)} ms; ${describeShare(gathering)}`,
      );
      const fanOuts = {
        tip: await repeatFanOut(pool, crowd, "tip", repetitions),
        refresh: await repeatFanOut(pool, crowd, "refresh", repetitions),
        "tip-behind-refresh": await repeatFanOut(pool, crowd, "tip-behind-refresh", repetitions),
      };
      const stormed: Storm[] = [];
      for (let storm = 1; storm <= storms; storm++) {
        stormed.push(await measureStorm(pool, crowd));
        say(`storm ${storm}/${storms}: ${describeStorm(stormed.at(-1)!)}`);
      }
      await pause(AFTER_STORM_MS);
      const left = await pool.ask("collect");
      say(`after the storms: ${left.connections} connections, ${left.channels} channels`);
      const grown = (left.rss - rss) / 1000 / connections;
      const tipBudget = connections === BUDGETED_CROWD ? TIP_MS : null;
      return {
        connections,
        storm_failures: stormed.map(({ failures, refusals }) => ({ miners: failures, pool: refusals })),
        rows: [
          row("memory", "kB", cost.resident, MEMORY_KB),
          { ...row("newcomer", "ms", cost.newcomer, NEWCOMER_MS), generator: gathering },
          ...fanOutRows("tip", fanOuts.tip, tipBudget),
          ...fanOutRows("refresh", fanOuts.refresh, null),
          ...fanOutRows("tip_behind_refresh", fanOuts["tip-behind-refresh"], tipBudget),
          ...stormRows(stormed),
          row("memory_left_by_storms", "kB", Math.max(0, grown), null),
          row("connections_left_by_storms", "", left.connections - connections, 0),
        ],
      };
    } finally {
      await crowd.close();
    }
  } finally {
    await pool.stop();
  }
}

async function repeatFanOut(
  pool: PoolHost,
  crowd: Crowd,
  kind: Parameters<typeof measureFanOut>[2],
  repetitions: number,
): Promise<FanOut> {
  const fanOuts: FanOut[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    await pause(BETWEEN_MS);
    fanOuts.push(await measureFanOut(pool, crowd, kind));
  }
  const of = (read: (fanOut: FanOut) => number) => spread(fanOuts.map(read));
  const summary = summarizeFanOuts(fanOuts);
  say(
    `${kind}: first ${of(({ first }) => first)}, last ${of(({ last }) => last)} ms; CPU ${of(({ cpu }) => cpu)} µs a miner; event loop late by ${of(({ loopDelayMax }) => loopDelayMax)} ms at most; ${describeShare(summary.generator)}`,
  );
  return summary;
}

function fanOutRows(name: string, fanOut: FanOut, budget: number | null): Row[] {
  const { generator } = fanOut;
  return [
    { ...row(`${name}_last`, "ms", fanOut.last, budget), generator },
    row(`${name}_first`, "ms", fanOut.first, null),
    row(`${name}_median`, "ms", fanOut.median, null),
    row(`${name}_p99`, "ms", fanOut.p99, null),
    row(`${name}_cpu`, "µs", fanOut.cpu, null),
    row(`${name}_loop_delay_max`, "ms", fanOut.loopDelayMax, null),
    row(`${name}_loop_delay_p99`, "ms", fanOut.loopDelayP99, null),
  ];
}

async function measureStorm(pool: PoolHost, crowd: Crowd): Promise<Storm> {
  const refusedBefore = await pool.refusals();
  const before = await pool.ask("observe");
  const { droppedAt, times, missing, failures, generator } = await crowd.storm();
  const after = await pool.ask("read");
  if (missing > 0) {
    throw new Error(`${missing} miners did not come back within two minutes: ${JSON.stringify(failures)}`);
  }
  const refused = Object.entries(await pool.refusals())
    .map(([reason, count]): [string, number] => [reason, count - (refusedBefore[reason] ?? 0)])
    .filter(([, count]) => count > 0);
  const { first, median: middle, last } = quantilesSince(droppedAt, times);
  return {
    ...{ firstMs: first, medianMs: middle, lastMs: last, failures, generator },
    refusals: Object.fromEntries(refused),
    newcomer: ((after.cpuSeconds - before.cpuSeconds) * 1000) / times.length,
    loopDelayMax: after.loopDelayMaxMs,
    loopDelayP99: after.loopDelayP99Ms,
  };
}

function describeStorm(storm: Storm): string {
  const seconds = (ms: number) => significant(ms / 1000, 3);
  return [
    `first ${seconds(storm.firstMs)}, median ${seconds(storm.medianMs)}, last ${seconds(storm.lastMs)} s`,
    `newcomer ${significant(storm.newcomer, 3)} ms`,
    `event loop late by ${significant(storm.loopDelayMax, 3)} ms at most, p99 ${significant(storm.loopDelayP99, 3)} ms`,
    `failures ${JSON.stringify(storm.failures)}, the pool's reasons ${JSON.stringify(storm.refusals)}`,
    describeShare(storm.generator),
  ].join("; ");
}

function stormRows(storms: readonly Storm[]): Row[] {
  const of = (read: (storm: Storm) => number) => median(storms.map(read));
  const generator = storms.map((storm) => storm.generator).reduce(largerShare);
  const failed = ({ failures }: Storm) => Object.values(failures).reduce((sum, count) => sum + count, 0);
  return [
    {
      ...row(
        "storm_last",
        "s",
        of(({ lastMs }) => lastMs / 1000),
        null,
      ),
      generator,
    },
    row(
      "storm_first",
      "s",
      of(({ firstMs }) => firstMs / 1000),
      null,
    ),
    row(
      "storm_median",
      "s",
      of(({ medianMs }) => medianMs / 1000),
      null,
    ),
    row(
      "storm_newcomer",
      "ms",
      of(({ newcomer }) => newcomer),
      NEWCOMER_MS,
    ),
    row("storm_failed_attempts", "", of(failed), null),
    row(
      "storm_loop_delay_max",
      "ms",
      of(({ loopDelayMax }) => loopDelayMax),
      null,
    ),
    row(
      "storm_loop_delay_p99",
      "ms",
      of(({ loopDelayP99 }) => loopDelayP99),
      null,
    ),
  ];
}
