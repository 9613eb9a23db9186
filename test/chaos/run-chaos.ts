import { setTimeout as pause } from "node:timers/promises";
import { Prng } from "@lode/testing/random";
import { MinerCrowd } from "./miner-crowd.ts";
import { startPoolWorld } from "./pool-world.ts";
import { lookUp } from "./recorded-shares.ts";

/** What a run is asked for. */
export interface ChaosOptions {
  readonly kills: number;
  readonly seed: number;
  readonly miners: number;
  readonly say: (line: string) => void;
}

/** The last line of a run. */
export interface ChaosSummary {
  readonly kills: number;
  readonly acknowledged: number;
  readonly recorded: number;
  readonly missing: number;
  readonly duplicates: number;
}

const HASHES_PER_SECOND = 3_000;
/** A block every few seconds, so that kills also meet changes of the tip. */
const SECONDS_PER_BLOCK = 5;
/** A kill comes this long after the last start, milliseconds. */
const [SOONEST_MS, LATEST_MS] = [100, 3_000];
/** For how long a killed database stays away, milliseconds. */
const MAX_OUTAGE_MS = 1_500;
const ANSWERS_WITHIN_MS = 20_000;
/** Of the pool's log, when a run fails. */
const LOG_LINES = 50;

/**
 * Kills pool and database in turns at random moments under load, and then asks the database for every share that a miner
 * saw acknowledged.
 */
export async function runChaos({ kills, seed, miners, say }: ChaosOptions): Promise<ChaosSummary> {
  const prng = new Prng(seed);
  say(`seed ${seed}; starting the database, the chain, the templates and the pool`);
  const world = await startPoolWorld({
    hashesPerBlock: HASHES_PER_SECOND * miners * SECONDS_PER_BLOCK,
    logLevel: "info",
  });
  const crowd = new MinerCrowd(miners, { ...world.pool, hashesPerSecond: HASHES_PER_SECOND }, "chaos");
  const acknowledged = () => crowd.sum((miner) => miner.acknowledged.length);
  let failed = true;
  try {
    await untilMore(acknowledged, 0);
    for (let kill = 1; kill <= kills; kill++) {
      // Half of the kills wait until shares flow again; the others may meet a pool that is still busy with its start.
      if (prng.chance(0.5)) await untilMore(acknowledged, acknowledged());
      await pause(prng.between(SOONEST_MS, LATEST_MS));
      // Answers take milliseconds: aim at the moments in which some are owed.
      if (prng.chance(0.75)) await untilOwed(crowd);
      const isPool = kill % 2 === 1;
      const waiting = crowd.sum((miner) => miner.unanswered);
      const startedAt = Date.now();
      if (isPool) {
        await world.pool.end("SIGKILL");
        await world.pool.start();
      } else {
        await world.killPostgres();
        await pause(prng.below(MAX_OUTAGE_MS));
        await world.startPostgres();
        if (!world.pool.running) throw new Error("the pool ended because its database was away");
      }
      say(
        `kill ${kill}/${kills}: ${isPool ? "pool" : "database"} with ${waiting} shares unanswered, back after ` +
          `${Date.now() - startedAt} ms; ${acknowledged()} acknowledged so far`,
      );
    }
    await untilMore(acknowledged, acknowledged());
    await pause(1_000);
    crowd.rest();
    const unanswered = () => crowd.sum((miner) => miner.unanswered);
    for (const deadline = Date.now() + ANSWERS_WITHIN_MS; unanswered() > 0; ) {
      if (Date.now() > deadline) throw new Error(`${unanswered()} shares were never answered`);
      await pause(50);
    }
    crowd.stop();
    const shares = crowd.miners.flatMap((miner) => miner.acknowledged);
    const { recorded, missing, duplicates } = await lookUp(world.databaseUrl, shares);
    for (const share of missing.slice(0, 10)) say(`missing: ${JSON.stringify(share)}`);
    const contradictions = crowd.miners.flatMap((miner) => miner.contradictions);
    for (const contradiction of contradictions.slice(0, 10)) say(`wrong answer: ${contradiction}`);
    say(
      `${crowd.sum((miner) => miner.submitted)} submitted, ${crowd.sum((miner) => miner.unknown)} without an answer when ` +
        `a connection ended, rejected ${JSON.stringify(crowd.rejected())}, ` +
        `${crowd.sum((miner) => miner.connections)} connections`,
    );
    if (contradictions.length > 0)
      throw new Error(`${contradictions.length} answers do not fit the shares sent`);
    if (world.pool.unexpectedEnds > 0) throw new Error("the pool ended by itself");
    failed = missing.length > 0 || duplicates > 0;
    return { kills, acknowledged: shares.length, recorded, missing: missing.length, duplicates };
  } finally {
    crowd.stop();
    if (failed) say(`the end of the pool's log:\n${world.pool.tail(LOG_LINES)}`);
    await world.stop();
  }
}

const FLOW_WITHIN_MS = 40_000;

/** Waits until a figure has grown beyond `than`. @throws when it does not */
async function untilMore(figure: () => number, than: number): Promise<void> {
  for (const deadline = Date.now() + FLOW_WITHIN_MS; figure() <= than; ) {
    if (Date.now() > deadline) throw new Error("no share was acknowledged for too long");
    await pause(20);
  }
}

const OWED_WITHIN_MS = 2_000;

/** Waits until a share is sent but not answered; gives up quietly. */
async function untilOwed(crowd: MinerCrowd): Promise<void> {
  const deadline = Date.now() + OWED_WITHIN_MS;
  while (crowd.sum((miner) => miner.unanswered) === 0 && Date.now() < deadline) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
