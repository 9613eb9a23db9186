import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { EntryProcess } from "@lode/testing/process";
import type { AttackReply, AttackRequest } from "./attack/attack-protocol.ts";
import { compareRecords } from "./honest/compare-records.ts";
import type { HonestReply, HonestRequest } from "./honest/honest-protocol.ts";
import { counted, readPool } from "./pool/pool-meters.ts";
import { type SoakWorld, startSoakWorld } from "./pool/soak-world.ts";
import { growthPerHour, round, type Sample, type Stretch, stretchOf } from "./stretch.ts";
import { brokenInvariants, type SoakSummary } from "./summary.ts";
import { cpuWait } from "./wire/cpu-wait.ts";

/** What a run is asked for. */
export interface SoakOptions {
  /** Length of the main stretch. */
  readonly seconds: number;
  /** Length of the calm stretch before an attack. */
  readonly calmSeconds: number;
  readonly hostile: boolean;
  /** Honest connections. */
  readonly honest: number;
  readonly seed: number;
  /** Cores that the attackers may take. */
  readonly attackCores: number;
  /** Part of the attackers' full number. */
  readonly strength: number;
  /** Kinds of attacks; all when empty. */
  readonly only: readonly string[];
  /** How often tips, refreshes, samples, newcomers and probes come, milliseconds. */
  readonly every: {
    readonly tip: number;
    readonly refresh: number;
    readonly sample: number;
    readonly newcomer: number;
    readonly probe: number;
  };
  /** From the last miner's first job to the first figure. */
  readonly warmUpMs: number;
  /** Time within which the attackers come. */
  readonly arrivalMs: number;
  /** From the end of the attack to the reading of the heap. */
  readonly settleMs: number;
  /** Where the pool leaves a CPU profile. */
  readonly profileDir?: string | undefined;
  /** Aborted: what runs ends early, and is added up all the same. */
  readonly signal?: AbortSignal;
  readonly say: (line: string) => void;
}

const HONEST_ENTRY = join(import.meta.dirname, "honest/honest-entry.ts");
/** Of the pool's log, when a run fails. */
const LOG_LINES = 50;
const ATTACK_ENTRY = join(import.meta.dirname, "attack/attack-entry.ts");

/** Lets honest miners work on a pool, in peace and under attack, and compares what they were told with the database. */
export async function runSoak(options: SoakOptions): Promise<SoakSummary> {
  options.say(`seed ${options.seed}; starting the database, the templates and the pool`);
  const world = await startSoakWorld(options.profileDir);
  const honest = new EntryProcess<HonestRequest, HonestReply>(HONEST_ENTRY);
  const attackers = new EntryProcess<AttackRequest, AttackReply>(ATTACK_ENTRY);
  const run = new Run(options, world, honest, attackers);
  let summary: SoakSummary | undefined;
  try {
    summary = await run.go();
    return summary;
  } finally {
    if (summary === undefined || summary.broken.length > 0)
      options.say(`the end of the pool's log:\n${world.pool.tail(LOG_LINES)}`);
    await Promise.all([honest.stop(), attackers.stop()]);
    await world.stop();
  }
}

class Run {
  readonly #options: SoakOptions;
  readonly #world: SoakWorld;
  readonly #honest: EntryProcess<HonestRequest, HonestReply>;
  readonly #attackers: EntryProcess<AttackRequest, AttackReply>;

  constructor(
    options: SoakOptions,
    world: SoakWorld,
    honest: EntryProcess<HonestRequest, HonestReply>,
    attackers: EntryProcess<AttackRequest, AttackReply>,
  ) {
    this.#options = options;
    this.#world = world;
    this.#honest = honest;
    this.#attackers = attackers;
  }

  async go(): Promise<SoakSummary> {
    const { options, world } = { options: this.#options, world: this.#world };
    const { say, seed, hostile } = options;
    const gathered = await this.#honest.ask({
      kind: "gather",
      port: world.pool.port,
      authorityKey: world.pool.authorityKey,
      address: world.pool.address,
      connections: options.honest,
      seed,
      newcomerMs: options.every.newcomer,
      probeMs: options.every.probe,
    });
    say(`${options.honest} honest connections with ${gathered.channels} channels have jobs; warming up`);
    world.templates.run(options.every);
    await pause(options.warmUpMs);
    const calm = await this.#stretch("calm", hostile ? options.calmSeconds : options.seconds);
    const heapBefore = await this.#heapAfterCollection();
    const attack = hostile ? await this.#attack() : null;
    const heapAfter = await this.#heapAfterCollection();
    const end = await readPool(world.pool);
    const rest = await this.#honest.ask({ kind: "rest" });
    say("comparing the honest miners' books with the database");
    const compared = await compareRecords(world.databaseUrl, rest.book ?? []);
    const disconnects = [calm.stretch, attack?.stretch].reduce(
      (sum, stretch) => sum + Object.values(stretch?.disconnects ?? {}).reduce((all, n) => all + n, 0),
      0,
    );
    const summary = {
      seed,
      connections: options.honest,
      channels: gathered.channels,
      tips: world.templates.tips,
      calm: calm.stretch,
      attack: attack?.stretch ?? null,
      honest_disconnects: disconnects,
      acknowledged: rest.acknowledged,
      ...compared,
      unanswered: rest.unanswered ?? 0,
      heap_before: heapBefore,
      heap_after: heapAfter,
      rss_growth_per_hour: growthPerHour((attack ?? calm).samples),
      attacks: attack?.counts ?? {},
      bans: end.bans,
      counted: counted((attack ?? calm).samples[0]!.pool, end),
      log_kb: Math.round(world.logBytes() / 1024),
      exceptions: end.exceptions,
      pool_ends: world.pool.unexpectedEnds,
    };
    return { ...summary, broken: brokenInvariants(summary) };
  }

  async #attack() {
    const { seed, attackCores: cores, strength, only, arrivalMs, say, settleMs, seconds } = this.#options;
    const { port, address } = this.#world.pool;
    await this.#attackers.ask({ kind: "begin", port, address, seed, cores, strength, arrivalMs, only });
    say("the attack begins");
    const { stretch, samples } = await this.#stretch("attack", seconds);
    const { counts } = await this.#attackers.ask({ kind: "cease" });
    say("the attack is over; what it left behind has time to go");
    await pause(settleMs);
    return { stretch, samples, counts };
  }

  async #stretch(name: string, seconds: number): Promise<{ stretch: Stretch; samples: Sample[] }> {
    await this.#honest.ask({ kind: "begin" });
    const samples = [(await this.#sample()).sample];
    const startedAt = performance.now();
    let last = await this.#honest.ask({ kind: "read" });
    while (performance.now() - startedAt < seconds * 1000 && this.#options.signal?.aborted !== true) {
      const left = seconds * 1000 - (performance.now() - startedAt);
      await pause(Math.min(this.#options.every.sample, left));
      const { sample, reply } = await this.#sample();
      this.#report(name, samples.at(-1)!, sample, last, reply);
      samples.push(sample);
      last = reply;
      if (!this.#world.pool.running) throw new Error("the pool ended by itself");
    }
    return { stretch: stretchOf(samples, last.tally), samples };
  }

  async #sample(): Promise<{ sample: Sample; reply: HonestReply }> {
    const [pool, reply, attackers] = await Promise.all([
      readPool(this.#world.pool),
      this.#honest.ask({ kind: "read" }),
      this.#attackers.ask({ kind: "read" }),
    ]);
    const sample = {
      pool,
      poolWait: cpuWait(this.#world.pool.pid ?? 0),
      minersLoopP99Ms: reply.loopP99Ms,
      minersRssMb: reply.rssMb,
      attackersCpu: attackers.cpuSeconds,
      attackersRssMb: attackers.rssMb,
    };
    return { sample, reply };
  }

  #report(name: string, before: Sample, now: Sample, last: HonestReply, reply: HonestReply): void {
    const { tally } = reply;
    const seconds = (now.pool.at - before.pool.at) / 1000;
    const cores = (after: number, earlier: number) => round((after - earlier) / seconds, 2);
    const failed = Object.values(tally.newcomers.failed).reduce((sum, n) => sum + n, 0);
    this.#options.say(
      `${name} ${Math.round(tally.seconds)} s: ${round((tally.accepted - last.tally.accepted) / seconds)} shares/s, ` +
        `answer p50/p99/max ${round(tally.answer.p50)}/${round(tally.answer.p99)}/${round(tally.answer.max)} ms, ` +
        `rejected ${JSON.stringify(tally.rejected)}, disconnects ${JSON.stringify(tally.disconnects)}, ` +
        `newcomers ${tally.newcomers.n - failed}/${tally.newcomers.n} ${JSON.stringify(tally.newcomers.failed)}; ` +
        `pool ${cores(now.pool.cpuSeconds, before.pool.cpuSeconds)} cores, waiting for a CPU ` +
        `${cores(now.poolWait ?? 0, before.poolWait ?? 0)}, rss ${Math.round(now.pool.rssMb)} MB, ` +
        `loop p99 ${round(now.pool.loopP99Ms)} ms, ${now.pool.connections} connections, ${now.pool.channels} channels; ` +
        `attackers ${cores(now.attackersCpu, before.attackersCpu)} cores`,
    );
  }

  async #heapAfterCollection(): Promise<number> {
    this.#world.pool.signal("SIGUSR2");
    await pause(500);
    return round((await readPool(this.#world.pool)).heapMb);
  }
}
