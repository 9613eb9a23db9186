import { maxTarget } from "@lode/bitcoin";
import { type AcceptedShare, defaultChannelSettings, type FoundBlock, parseIdentity } from "@lode/mining";
import type { Logger, Metrics } from "@lode/ports";
import { MiningServer, type MiningServerDeps, type MiningServerSettings } from "@lode/roles";
import type { FrameConnection } from "@lode/transport";
import { type MemoryPairOptions, memoryPair } from "@lode/transport/testing";
import { VirtualClock } from "../virtual-clock.ts";
import { ScriptedJobs } from "./scripted-jobs.ts";
import { ScriptedMiner } from "./scripted-miner.ts";

/** What a test may want different about a {@link ScriptedPool}. */
export interface ScriptedPoolOptions {
  readonly clock?: VirtualClock;
  readonly settings?: Partial<MiningServerSettings>;
  readonly deps?: Partial<MiningServerDeps>;
  readonly wire?: MemoryPairOptions;
  /** Begin without a template; `jobs.next()` gives the first. */
  readonly withoutTemplate?: boolean;
}

/**
 * A mining server on a virtual clock with everything around it in the test's hands. Unless the settings say otherwise a
 * channel that states no hash rate gets the easiest target of all, so that every hash is a share.
 */
export class ScriptedPool {
  readonly clock: VirtualClock;
  readonly jobs: ScriptedJobs;
  readonly server: MiningServer;
  /** Accepted shares that are not durable yet. */
  readonly shares: AcceptedShare[] = [];
  readonly blocks: FoundBlock[] = [];
  /** What `admission()` answers. */
  refusal: string | null = null;
  /** Log lines above info: message and error code, if there is one. */
  readonly complaints: string[] = [];
  readonly #counts = new Map<string, number>();
  readonly #gauges = new Map<string, () => number>();
  readonly #wire: MemoryPairOptions;

  constructor(options: ScriptedPoolOptions = {}) {
    const { clock = new VirtualClock(), settings, deps, wire = {}, withoutTemplate = false } = options;
    this.clock = clock;
    this.#wire = wire;
    this.jobs = new ScriptedJobs(clock);
    this.server = new MiningServer(
      {
        clock,
        logger: this.#logger(),
        metrics: this.#metrics(),
        jobFactory: this.jobs.factory,
        extranonces: this.jobs.extranonces,
        identify: (userIdentity) => parseIdentity(userIdentity, "regtest"),
        sink: { record: (share) => void this.shares.push(share) },
        onBlock: (found) => void this.blocks.push(found),
        admission: () => this.refusal,
        ...deps,
      },
      { channel: { ...defaultChannelSettings, easiestTarget: maxTarget }, ...settings },
    );
    this.jobs.start(this.server);
    if (withoutTemplate) return;
    this.jobs.next();
    clock.settle();
    this.#counts.clear();
  }

  /** Both ends of a new connection, the server's already accepted. */
  wire(): { server: FrameConnection; client: FrameConnection } {
    const [server, client] = memoryPair(this.clock, this.#wire);
    this.server.accept(server);
    return { server, client };
  }

  /** A new miner that has sent nothing yet. */
  connect(): ScriptedMiner {
    return this.script(this.wire().client);
  }

  /** A miner at the client's end of a connection. */
  script(client: FrameConnection): ScriptedMiner {
    return new ScriptedMiner(client, () => this.clock.settle());
  }

  /** Makes everything recorded so far durable. */
  acknowledge(): void {
    this.clock.settle();
    this.server.acknowledge(this.shares.splice(0));
  }

  /** Value of a counter, or number of observations of a histogram: `name{label=value}`. */
  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Value of a gauge. */
  gauge(name: string): number | undefined {
    return this.#gauges.get(name)?.();
  }

  #logger(): Logger {
    const complain = (fields: object, message: string) => {
      const error = "err" in fields ? fields.err : undefined;
      this.complaints.push(error === undefined ? message : `${message}: ${error}`);
    };
    return { debug() {}, info() {}, warn: complain, error: complain };
  }

  #metrics(): Metrics {
    const counts = this.#counts;
    return {
      counter: (name, _help, labels) => ({
        inc: (value = 1) => void counts.set(keyOf(name, labels), this.count(keyOf(name, labels)) + value),
      }),
      gauge: (name, _help, labels, read) => {
        if (read !== undefined) this.#gauges.set(keyOf(name, labels), read);
        return { set: (value) => void this.#gauges.set(keyOf(name, labels), () => value) };
      },
      histogram: (name, _help, _buckets, labels) => ({
        observe: () => void counts.set(keyOf(name, labels), this.count(keyOf(name, labels)) + 1),
      }),
    };
  }
}

function keyOf(name: string, labels: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(",")}}`;
}
