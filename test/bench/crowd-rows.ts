import { setTimeout as pause } from "node:timers/promises";
import { type RemoteLoad, spawnLoad } from "@lode/simulator";
import { PoolHost } from "./pool-host.ts";
import { type BenchContext, type Measurement, median, row, significant, spread } from "./row.ts";
import { ADDRESS } from "./share-rows.ts";

/** Connections made first, so that code and tables that are there once are not counted. */
const FIRST = 100;
/** Short-lived things of the handshakes go before the reading. */
const SETTLE_MS = 1_500;
const TIPS = 5;
/** The fan-out's budget is for this many miners, and grows with their number; memory's is for each. */
const BUDGETED_CROWD = 10_000;

interface Crowd {
  /** kB per connection: of the process, of its JavaScript heap, and of buffers and native objects V8 was told of. */
  readonly resident: number;
  readonly heap: number;
  readonly external: number;
  /** CPU time of the pool's process, all threads, to take a newcomer: handshake, setup, channel; milliseconds. */
  readonly newcomer: number;
  /** New tip to the last connection, milliseconds; CPU time of the pool's process per connection, microseconds. */
  readonly tipMs: number;
  readonly tipCpu: number;
}

/** What one more miner with one channel and one job costs, and how long a new tip takes to reach the last of them. */
export const crowdRows: Measurement = {
  name: "memory",
  async measure(context) {
    const { connections, repetitions, say } = context;
    const crowds: Crowd[] = [];
    for (let repetition = 1; repetition <= repetitions; repetition++) {
      crowds.push(await measureCrowd(context));
      say(`memory: ${repetition}/${repetitions} with ${connections} connections`);
    }
    const of = (read: (crowd: Crowd) => number) => crowds.map(read);
    say(`memory: JavaScript heap ${spread(of(({ heap }) => heap))} kB a connection`);
    say(`memory: outside of it ${spread(of(({ external }) => external))} kB a connection`);
    say(`memory: CPU of a newcomer ${spread(of(({ newcomer }) => newcomer))} ms`);
    say(`fanout_tip: CPU ${spread(of(({ tipCpu }) => tipCpu))} µs a connection`);
    return [
      row("memory", "kB", median(of(({ resident }) => resident)), 20),
      row("fanout_tip", "ms", median(of(({ tipMs }) => tipMs)), connections === BUDGETED_CROWD ? 150 : null),
    ];
  },
};

async function measureCrowd({ connections, profileDir }: BenchContext): Promise<Crowd> {
  const pool = await PoolHost.start({ store: { kind: "memory" }, native: "auto", profileDir });
  const loads: RemoteLoad[] = [];
  const gather = async (count: number): Promise<RemoteLoad> => {
    const load = await spawnLoad({
      host: "127.0.0.1",
      port: pool.port,
      authorityKey: pool.authorityKey,
      connections: count,
      userIdentity: ADDRESS,
    });
    loads.push(load);
    return load;
  };
  try {
    await gather(FIRST);
    await pause(SETTLE_MS);
    const before = await pool.ask("collect");
    const crowd = await gather(connections);
    await pause(SETTLE_MS);
    const after = await pool.ask("collect");
    const added = after.channels - before.channels;
    if (added !== connections) throw new Error(`${added} channels were opened, not ${connections}`);
    const perConnection = (read: (of: typeof after) => number) => (read(after) - read(before)) / 1000 / added;
    const tips = [];
    for (let tip = 0; tip < TIPS; tip++) tips.push(await measureTip(pool, crowd));
    return {
      resident: perConnection(({ rss }) => rss),
      heap: perConnection(({ heapUsed }) => heapUsed),
      external: perConnection(({ external }) => external),
      newcomer: ((after.cpuSeconds - before.cpuSeconds) * 1000) / added,
      tipMs: median(tips.map(({ ms }) => ms)),
      tipCpu: significant(median(tips.map(({ cpu }) => cpu)), 4),
    };
  } finally {
    for (const load of loads) await load.close();
    await pool.stop();
  }
}

/** From the template's arrival in the pool until the last miner has read the job and its prevhash. */
async function measureTip(pool: PoolHost, crowd: RemoteLoad): Promise<{ ms: number; cpu: number }> {
  const before = await pool.ask("read");
  const { everywhere } = await crowd.watchTip();
  const { askedAt, connections } = await pool.ask("tip");
  const at = await everywhere;
  const after = await pool.ask("read");
  return { ms: at - askedAt, cpu: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / connections };
}
