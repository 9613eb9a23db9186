import { type CrowdCost, gatherCosted } from "./crowd-cost.ts";
import { type FanOut, measureFanOut, summarizeFanOuts } from "./fan-out.ts";
import { describeShare } from "./generator-share.ts";
import { PoolHost } from "./pool-host.ts";
import { type BenchContext, type Measurement, median, row, spread } from "./row.ts";
import { ADDRESS } from "./share-rows.ts";

const TIPS = 5;
/** The fan-out's budget is for this many miners, and grows with their number; memory's is for each. */
const BUDGETED_CROWD = 10_000;

interface MeasuredCrowd extends CrowdCost {
  readonly tip: FanOut;
}

/** What one more miner with one channel and one job costs, and how long a new tip takes to reach the last of them. */
export const crowdRows: Measurement = {
  name: "memory",
  async measure(context) {
    const { connections, repetitions, say } = context;
    const crowds: MeasuredCrowd[] = [];
    for (let repetition = 1; repetition <= repetitions; repetition++) {
      crowds.push(await measureCrowd(context));
      say(`memory: ${repetition}/${repetitions} with ${connections} connections`);
    }
    const of = (read: (crowd: MeasuredCrowd) => number) => crowds.map(read);
    say(`memory: JavaScript heap ${spread(of(({ heap }) => heap))} kB a connection`);
    say(`memory: outside of it ${spread(of(({ external }) => external))} kB a connection`);
    say(`memory: CPU of a newcomer ${spread(of(({ newcomer }) => newcomer))} ms`);
    say(`fanout_tip: CPU ${spread(of(({ tip }) => tip.cpu))} µs a connection`);
    say(`fanout_tip: ${describeShare(summarizeFanOuts(crowds.map(({ tip }) => tip)).generator)}`);
    return [
      row("memory", "kB", median(of(({ resident }) => resident)), 20),
      row("fanout_tip", "ms", median(of(({ tip }) => tip.last)), connections === BUDGETED_CROWD ? 150 : null),
    ];
  },
};

async function measureCrowd({ connections, profileDir }: BenchContext): Promise<MeasuredCrowd> {
  const pool = await PoolHost.start({
    store: { kind: "memory" },
    templates: { kind: "script" },
    native: "auto",
    profileDir,
  });
  try {
    const { crowd, cost } = await gatherCosted(pool, { connections, userIdentity: ADDRESS });
    try {
      const tips: FanOut[] = [];
      for (let tip = 0; tip < TIPS; tip++) tips.push(await measureFanOut(pool, crowd, "tip"));
      return { ...cost, tip: summarizeFanOuts(tips) };
    } finally {
      await crowd.close();
    }
  } finally {
    await pool.stop();
  }
}
