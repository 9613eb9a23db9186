import { MiningFlags } from "@lode/protocol";
import { minerMaxLength } from "@lode/roles";
import type { Prng } from "@lode/testing/random";
import { memoryPair } from "@lode/transport/testing";
import { Miner, type MinerNature } from "./miners/miner.ts";
import { sendStrangeThing } from "./miners/mischief.ts";
import { drawLimits } from "./model/pool-limits.ts";
import { PoolUnderTest, type Surroundings } from "./model/pool-under-test.ts";
import { type BugName, plantedBugs } from "./planted-bugs.ts";
import { Chain } from "./world/chain.ts";
import { Network } from "./world/network.ts";
import { SimulatedDisk } from "./world/simulated-disk.ts";
import { SimulatedNode } from "./world/simulated-nodes.ts";
import { SimulatedStore } from "./world/simulated-store.ts";
import type { World } from "./world/world.ts";

/** Miners at once, so that a step stays cheap. */
const MAX_MINERS = 14;
/** Accepted headers that are remembered, to notice one that is credited twice. */
const KEPT_CREDITS = 100_000;

const HONEST: MinerNature = { honest: true, flags: 0, writeQueueBytes: 4 * 1024 * 1024, latencyMs: 0 };

/** Everything there is: the surroundings, at most one pool process, the miners. Actions of a simulation change it. */
export class Scene {
  readonly world: World;
  readonly prng: Prng;
  readonly chain: Chain;
  readonly store: SimulatedStore;
  readonly disk: SimulatedDisk;
  readonly nodes: readonly SimulatedNode[];
  readonly network: Network;
  readonly #surroundings: Surroundings;
  /** Null while no process runs. */
  pool: PoolUnderTest | null = null;
  /** Dead processes of which something may still be recorded. */
  #past: PoolUnderTest[] = [];
  #miners: Miner[] = [];
  #nextMiner = 1;
  #nextConnectionId = 1;
  #credited = new Set<string>();
  #creditedBefore = new Set<string>();

  constructor(world: World, bug: BugName | null) {
    this.world = world;
    this.prng = world.prng.fork();
    this.chain = new Chain(world);
    this.store = new SimulatedStore(world, (run, record) => this.#processOf(run)?.onRecord(record));
    this.disk = new SimulatedDisk(world);
    this.nodes = ["node-a", "node-b"].map((name) => new SimulatedNode(name, world, this.chain));
    this.network = new Network(world);
    this.#surroundings = {
      world,
      chain: this.chain,
      store: this.store,
      disk: this.disk,
      nodes: this.nodes,
      takeConnectionId: () => this.#nextConnectionId++,
      credit: (hash) => this.#credit(hash),
      bug: bug === null ? null : plantedBugs[bug],
    };
  }

  /** Miners whose connection is up, as far as they know. */
  get miners(): readonly Miner[] {
    this.#miners = this.#miners.filter(({ gone }) => !gone);
    return this.#miners;
  }

  /** A process starts; the one before it must be gone. */
  startPool(): void {
    if (this.pool !== null) return;
    this.pool = new PoolUnderTest(this.#surroundings, drawLimits(this.prng), this.prng.fork());
  }

  /** The process dies in the middle of what it does. */
  crash(): void {
    if (this.pool === null) return;
    this.world.counts.crashes++;
    this.#bury(this.pool, this.prng.chance(0.5));
  }

  /** The process is told to leave; it is gone some time later. */
  drain(windowMs: number): void {
    const { pool } = this;
    if (pool === null || pool.draining) return;
    pool.drain(windowMs).then(
      () => {
        if (this.pool === pool) this.#bury(pool, true);
      },
      (error: unknown) => this.world.violate("contained", `drain failed: ${String(error)}`),
    );
  }

  /** A new miner; null where there are enough or nobody listens. */
  connect(nature: MinerNature): Miner | null {
    if (this.pool === null || this.miners.length >= MAX_MINERS) return null;
    const miner = new Miner(`miner-${this.#nextMiner++}`, nature, this.pool, this.network);
    this.#miners.push(miner);
    return miner;
  }

  /** A miner that keeps to the rules, over a perfect wire. */
  connectHonest(): Miner | null {
    return this.connect(HONEST);
  }

  /** A miner of any kind. */
  connectAny(): Miner | null {
    const { prng } = this;
    const flags = prng.pick([
      0,
      0,
      0,
      MiningFlags.requiresStandardJobs,
      MiningFlags.requiresWorkSelection,
      4,
      5,
    ]);
    return this.connect({
      honest: prng.chance(0.6),
      flags,
      writeQueueBytes: prng.chance(0.3) ? prng.pick([1_024, 4_096]) : HONEST.writeQueueBytes,
      latencyMs: prng.pick([0, 0, 1, 20, 200]),
    });
  }

  /** Somebody who connects and is no miner, and who may never read. @returns what was sent */
  connectStranger(): string {
    if (this.pool === null) return "nobody listens";
    const [poolEnd, theirs] = memoryPair(this.world.clock, { maxLength: minerMaxLength });
    this.pool.accept(poolEnd, HONEST.writeQueueBytes);
    if (this.prng.chance(0.7)) theirs.start({ onFrame() {}, onClose() {} });
    const kind = sendStrangeThing({ wire: theirs }, this.prng);
    if (this.prng.chance(0.1)) theirs.destroy("stranger");
    return kind;
  }

  /** Something honest, something hostile, whoever is there. */
  anyMiner(honest?: boolean): Miner | undefined {
    const candidates = this.miners.filter(({ nature }) => honest === undefined || nature.honest === honest);
    return candidates.length === 0 ? undefined : this.prng.pick(candidates);
  }

  /** All faults end: what follows must work. */
  heal(): void {
    this.store.health = "healthy";
    for (const node of this.nodes) node.health = "healthy";
    this.disk.healthy = true;
    this.network.heal();
    this.chain.comeBack();
    this.chain.refresh();
    this.world.wallOffset = 0;
  }

  #bury(pool: PoolUnderTest, orderlyWires: boolean): void {
    pool.crash(orderlyWires);
    this.pool = null;
    this.#past = this.#past.filter((process) => {
      if (!process.isOver) return true;
      if (process.run !== null) this.store.forget(process.run);
      return false;
    });
    this.#past.push(pool);
  }

  #processOf(run: string): PoolUnderTest | undefined {
    if (this.pool?.run === run) return this.pool;
    const process = this.#past.find((past) => past.run === run);
    if (process === undefined)
      this.world.violate("no-key-twice", `a batch of run ${run}, which is over, was written`);
    return process;
  }

  #credit(hash: string): boolean {
    if (this.#credited.has(hash) || this.#creditedBefore.has(hash)) return false;
    this.#credited.add(hash);
    if (this.#credited.size >= KEPT_CREDITS) {
      this.#creditedBefore = this.#credited;
      this.#credited = new Set();
    }
    return true;
  }
}
