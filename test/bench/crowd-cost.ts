import { setTimeout as pause } from "node:timers/promises";
import { Crowd, type CrowdTarget } from "./crowd.ts";
import type { GeneratorShare } from "./generator-share.ts";
import type { PoolHost } from "./pool-host.ts";

/** Connections made first, so that what is there once is not counted as memory of connections. */
export const FIRST = 100;
/** Newcomers, at most, who come last and whose CPU time is taken: by then, the code they run is compiled. */
export const NEWCOMERS = 1_000;
/** Short-lived things of the handshakes go, and keys for the next ones are made, before a reading. */
export const SETTLE_MS = 1_500;

/** What one more miner with one channel and one job costs the pool. */
export interface CrowdCost {
  /** kB per connection: of the process, of its JavaScript heap, and of buffers and native objects V8 was told of. */
  readonly resident: number;
  readonly heap: number;
  readonly external: number;
  /** CPU time of the pool's process, all threads, to take a newcomer: handshake, setup, channel; milliseconds. */
  readonly newcomer: number;
}

/** A crowd that is connected, and what that cost. */
export interface CostedCrowd {
  readonly crowd: Crowd;
  /** The generator's share of the time in which newcomers were counted. */
  readonly gathering: GeneratorShare;
  readonly cost: CrowdCost;
  /** Resident bytes of the pool when the crowd was there, garbage collected. */
  readonly rss: number;
}

/** Connects a crowd to a pool, and finds what each of it costs. */
export async function gatherCosted(
  pool: PoolHost,
  target: Pick<CrowdTarget, "connections" | "userIdentity" | "processes">,
): Promise<CostedCrowd> {
  const { port, authorityKey } = pool;
  const first = await Crowd.gather({ ...target, port, authorityKey, connections: FIRST, processes: 1 });
  await pause(SETTLE_MS);
  const before = await pool.ask("collect");
  const crowd = await Crowd.gather({ ...target, port, authorityKey });
  await pause(SETTLE_MS);
  const after = await pool.ask("collect");
  await first.close();
  const added = after.channels - before.channels;
  if (added !== target.connections) {
    throw new Error(`${added} channels were opened, not ${target.connections}`);
  }
  const perConnection = (read: (of: typeof after) => number) => (read(after) - read(before)) / 1000 / added;
  const { newcomer, gathering } = await measureNewcomers(pool, target);
  return {
    ...{ crowd, gathering },
    rss: after.rss,
    cost: {
      resident: perConnection(({ rss }) => rss),
      heap: perConnection(({ heapUsed }) => heapUsed),
      external: perConnection(({ external }) => external),
      newcomer,
    },
  };
}

async function measureNewcomers(pool: PoolHost, target: Pick<CrowdTarget, "connections" | "userIdentity">) {
  const { port, authorityKey } = pool;
  const connections = Math.min(NEWCOMERS, target.connections);
  await pause(SETTLE_MS);
  const before = await pool.ask("read");
  const newcomers = await Crowd.gather({ ...target, port, authorityKey, connections });
  await pause(SETTLE_MS);
  const after = await pool.ask("read");
  await newcomers.close();
  return {
    newcomer: ((after.cpuSeconds - before.cpuSeconds) * 1000) / connections,
    gathering: newcomers.gathering,
  };
}
