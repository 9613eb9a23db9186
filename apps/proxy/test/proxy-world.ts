import { maxTarget } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { noMetrics, silentLogger } from "@lode/ports";
import { sv1ServerDefaults } from "@lode/roles";
import { VirtualClock } from "@lode/testing/clock";
import { ScriptedPool, type ScriptedPoolOptions } from "@lode/testing/pool";
import { seededRandom } from "@lode/testing/random";
import { type Sv1Device, type Sv1DeviceOptions, Sv1Wire } from "@lode/testing/sv1";
import type { FrameConnection } from "@lode/transport";
import { memoryPair } from "@lode/transport/testing";
import { MiningProxy, type ProxySettings } from "../src/mining-proxy.ts";

/** An address that can be paid on regtest. */
export const ACCOUNT = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
/** Another one. */
export const OPERATOR = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry";

/** A proxy between scripted pools and scripted devices, on one virtual clock. */
export class ProxyWorld {
  readonly clock: VirtualClock;
  readonly pools: ScriptedPool[];
  readonly proxy: MiningProxy;
  readonly devices: Sv1Device[] = [];
  readonly wires: Sv1Wire[] = [];
  /** Pools that cannot be reached, by place. */
  readonly down: Set<number>;
  /** The pools' ends of the newest connections. */
  readonly #links: FrameConnection[] = [];
  /** Whether pools make shares durable and answer them. */
  answering = true;

  constructor({
    pools = 1,
    settings = {},
    pool = {},
    down = [],
    through,
    commitMs = 20,
  }: {
    pools?: number;
    settings?: Partial<ProxySettings>;
    pool?: ScriptedPoolOptions;
    down?: number[];
    /** Another proxy in place of pools. */
    through?: ProxyWorld;
    /** Time between two commits of a pool. */
    commitMs?: number;
  } = {}) {
    this.down = new Set(down);
    this.clock = through?.clock ?? new VirtualClock();
    const channel = { ...defaultChannelSettings, easiestTarget: maxTarget >> 3n };
    this.pools = Array.from(
      { length: pools },
      () => new ScriptedPool({ ...pool, clock: this.clock, settings: { channel, ...pool.settings } }),
    );
    this.proxy = new MiningProxy(
      {
        upstreams: (through === undefined ? this.pools : [through]).map((_, index) => ({
          name: `pool-${index}`,
          lobbyIdentity: `${OPERATOR}.lobby`,
          lobbyHashrate: 40,
          extranonce2Size: 8,
          vendor: "lode-proxy",
          readyMs: 15_000,
        })),
        failover: { probeMs: 10_000, returnMs: 30_000, graceMs: 5_000 },
        sv1: sv1ServerDefaults,
        fixedIdentity: null,
        assumedHashrate: 40,
        sharesPerMinute: 6,
        answerMs: 5_000,
        outageCloseMs: 60_000,
        ...settings,
      },
      {
        clock: this.clock,
        logger: silentLogger,
        metrics: noMetrics,
        random: seededRandom(3),
        dial: (index) => {
          if (this.down.has(index)) return Promise.reject(new Error("unreachable"));
          if (through !== undefined) {
            const [server, client] = memoryPair(this.clock);
            through.proxy.acceptSv2(server);
            return Promise.resolve(client);
          }
          const { server, client } = this.pools[index]!.wire();
          this.#links[index] = server;
          return Promise.resolve(client);
        },
      },
    );
    this.clock.every(commitMs, () => {
      if (!this.answering) return;
      for (const { server, shares } of this.pools) server.acknowledge(shares.splice(0));
    });
    this.proxy.start();
  }

  /** Lets time pass, promises included. */
  async run(seconds: number): Promise<void> {
    await this.clock.advanceAsync(seconds * 1000);
  }

  /** A device that has just connected. */
  add(
    Device: new (options: Sv1DeviceOptions) => Sv1Device,
    options: Partial<Sv1DeviceOptions> = {},
  ): Sv1Device {
    const wire = new Sv1Wire(this.clock);
    if (this.proxy.admit() !== null) throw new Error("turned away");
    this.proxy.accept(wire);
    this.wires.push(wire);
    const user = `${ACCOUNT}.rig${this.devices.length}`;
    const device = new Device({ wire, clock: this.clock, user, ...options });
    this.devices.push(device);
    return device;
  }

  /** The pool dies: what it has not made durable is lost, and its connection breaks. It can be reached again at once. */
  kill(pool = 0): void {
    this.pools[pool]!.shares.length = 0;
    this.#links[pool]!.destroy("killed");
  }

  /** A new block. */
  nextTip(pool = 0): void {
    this.pools[pool]!.jobs.nextTip();
  }
}
