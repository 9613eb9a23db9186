import { setTimeout as pause } from "node:timers/promises";
import { say } from "../shell-run.ts";
import { type CostedCrowd, gatherCosted } from "./crowd-cost.ts";
import { type FanOut, measureFanOut, summarizeFanOuts } from "./fan-out.ts";
import { PoolHost } from "./pool-host.ts";
import { type Row, row, significant } from "./row.ts";
import { ADDRESS } from "./share-rows.ts";

interface OwnScriptsSettings {
  readonly connections: number;
  readonly repetitions: number;
  /** Of the generator. */
  readonly processes: number;
}

/** What solo may cost: the tip's way to the last miner, CPU and memory of each, against one script in the same run. */
const TIP_RATIO = 1.5;
const CPU_US = 5;
const MEMORY_KB = 2;
const BETWEEN_MS = 300;

interface Side {
  readonly pool: PoolHost;
  readonly costed: CostedCrowd;
  readonly tips: FanOut[];
}

/**
 * A pool whose blocks pay one script, and one whose blocks pay each miner another, side by side: both crowds are there, and
 * tips go to the one and the other in turn.
 */
export async function measureOwnScripts(settings: OwnScriptsSettings): Promise<Row[]> {
  const sides: Side[] = [];
  try {
    for (const scripts of ["one", "own"] as const) sides.push(await gather(scripts, settings));
    for (let repetition = 0; repetition < settings.repetitions; repetition++) {
      for (const { pool, costed, tips } of sides) {
        await pause(BETWEEN_MS);
        tips.push(await measureFanOut(pool, costed.crowd, "tip"));
      }
    }
    const [one, own] = sides as [Side, Side];
    const [tipOfOne, tipOfOwn] = [summarizeFanOuts(one.tips), summarizeFanOuts(own.tips)];
    const more = own.costed.cost.resident - one.costed.cost.resident;
    return [
      row("one_script_tip_last", "ms", tipOfOne.last, null),
      row("own_scripts_tip_last", "ms", tipOfOwn.last, null),
      row("own_scripts_tip_ratio", "x", tipOfOwn.last / tipOfOne.last, TIP_RATIO),
      row("one_script_tip_cpu", "µs", tipOfOne.cpu, null),
      row("own_scripts_tip_cpu", "µs", tipOfOwn.cpu, null),
      row("own_scripts_tip_cpu_more", "µs", tipOfOwn.cpu - tipOfOne.cpu, CPU_US),
      row("one_script_memory", "kB", one.costed.cost.resident, null),
      row("own_scripts_memory", "kB", own.costed.cost.resident, null),
      row("own_scripts_memory_more", "kB", more, MEMORY_KB),
      row("own_scripts_newcomer_more", "ms", own.costed.cost.newcomer - one.costed.cost.newcomer, null),
    ];
  } finally {
    for (const { pool, costed } of sides) {
      await costed.crowd.close();
      await pool.stop();
    }
  }
}

async function gather(scripts: "one" | "own", { connections, processes }: OwnScriptsSettings): Promise<Side> {
  const pool = await PoolHost.start({
    store: { kind: "memory" },
    templates: { kind: "script" },
    native: "auto",
    scripts,
  });
  try {
    const costed = await gatherCosted(pool, { connections, processes, userIdentity: ADDRESS });
    const { resident, heap, external } = costed.cost;
    const parts = `heap ${significant(heap, 3)}, outside ${significant(external, 3)}`;
    say(`${connections} miners, ${scripts} script: ${significant(resident, 3)} kB a connection (${parts})`);
    return { pool, costed, tips: [] };
  } catch (error) {
    await pool.stop();
    throw error;
  }
}
