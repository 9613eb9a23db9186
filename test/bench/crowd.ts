import { platform } from "node:os";
import {
  type Arrivals,
  type LoadReport,
  type RemoteLoad,
  type StormReport,
  spawnLoad,
} from "@lode/simulator";
import { type GeneratorShare, generatorShare } from "./generator-share.ts";

/** Where a crowd goes. */
export interface CrowdTarget {
  readonly port: number;
  readonly authorityKey: Uint8Array;
  readonly userIdentity: string;
  readonly connections: number;
  readonly kind?: "standard" | "extended";
  readonly answeredTogether?: number;
  /** Processes of the generator. Default 1. */
  readonly processes?: number;
}

/** A template's way to all of a crowd. Times in milliseconds on the system's clock, ascending. */
export interface CrowdArrivals {
  readonly times: readonly number[];
  shareOf(wallMs: number): GeneratorShare;
}

/** A storm of reconnecting miners, over all processes. */
export interface CrowdStorm extends Omit<StormReport, "used"> {
  readonly generator: GeneratorShare;
}

/** Shares without an answer per connection; the reference pool was measured with 10 to 20. */
const WINDOW = 16;
/** Connections that come from one address, as from one farm. */
const FARM = 1_000;

let farms = 0;

/** Miners in one or more processes of their own. */
export class Crowd {
  readonly connections: number;
  readonly #loads: readonly RemoteLoad[];

  /** Connects all of them. @throws LoadProcessError when one is not let in; all are gone then */
  static async gather(target: CrowdTarget): Promise<Crowd> {
    const processes = target.processes ?? 1;
    const share = Math.ceil(target.connections / processes);
    const counts = Array.from({ length: processes }, (_, index) =>
      Math.min(share, target.connections - index * share),
    ).filter((count) => count > 0);
    const { port, authorityKey, userIdentity, kind = "extended", answeredTogether = 1 } = target;
    const starting = counts.map((connections) =>
      spawnLoad({
        ...{ host: "127.0.0.1", port, authorityKey, userIdentity, kind, answeredTogether, connections },
        window: WINDOW,
        localAddresses: nextFarms(Math.ceil(connections / FARM)),
      }),
    );
    const outcomes = await Promise.allSettled(starting);
    const loads = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    const crowd = new Crowd(target.connections, loads);
    const failure = outcomes.find((outcome) => outcome.status === "rejected");
    if (failure === undefined) return crowd;
    await crowd.close();
    throw failure.reason;
  }

  private constructor(connections: number, loads: readonly RemoteLoad[]) {
    this.connections = connections;
    this.#loads = loads;
  }

  /** The generator's share of the time in which the connections were made. */
  get gathering(): GeneratorShare {
    return generatorShare(this.#loads.map(({ gathering }) => gathering));
  }

  /** Resolves when the crowd watches for a template with this stamp. */
  async watch(stamp: number): Promise<{ readonly everywhere: Promise<CrowdArrivals> }> {
    const watches = await Promise.all(this.#loads.map((load) => load.watch(stamp)));
    return { everywhere: Promise.all(watches.map((watch) => watch.everywhere)).then(mergeArrivals) };
  }

  /** All of them share the load of one process; a crowd of several processes sends none. */
  saturate(seconds: number): Promise<LoadReport> {
    const [load, ...others] = this.#loads;
    if (load === undefined || others.length > 0) throw new Error("shares come from one process");
    return load.saturate(seconds);
  }

  /** Drops all connections at once, and lets them come back. */
  async storm(): Promise<CrowdStorm> {
    const storms = await Promise.all(this.#loads.map((load) => load.storm()));
    const droppedAt = Math.min(...storms.map((storm) => storm.droppedAt));
    const times = ascending(storms.flatMap((storm) => storm.times));
    const failures: Record<string, number> = {};
    for (const storm of storms) {
      for (const [reason, count] of Object.entries(storm.failures)) {
        failures[reason] = (failures[reason] ?? 0) + count;
      }
    }
    return {
      ...{ droppedAt, times, failures },
      missing: storms.reduce((sum, { missing }) => sum + missing, 0),
      generator: generatorShare(storms.map(({ used }) => used)),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#loads.map((load) => load.close()));
  }
}

function mergeArrivals(all: readonly Arrivals[]): CrowdArrivals {
  const missing = all.reduce((sum, arrivals) => sum + arrivals.missing, 0);
  if (missing > 0) throw new Error(`a template did not reach ${missing} miners within a minute`);
  return {
    times: ascending(all.flatMap(({ times }) => times)),
    shareOf: (wallMs) =>
      generatorShare(
        all.map(({ used }) => used),
        wallMs,
      ),
  };
}

function ascending(times: readonly number[]): number[] {
  return times.toSorted((a, b) => a - b);
}

/** Local addresses no other crowd of this run uses; all of 127.0.0.0/8 is there on Linux alone. */
function nextFarms(count: number): string[] {
  if (platform() !== "linux") return [];
  return Array.from({ length: count }, () => `127.${1 + (farms++ % 250)}.0.1`);
}
