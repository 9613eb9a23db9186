import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Prng } from "@lode/testing/random";
import { MinerCrowd } from "../chaos/miner-crowd.ts";
import { type PoolWorld, startPoolWorld } from "../chaos/pool-world.ts";
import { lookUp } from "../chaos/recorded-shares.ts";
import { type Crash, decoders, nextInput, tryDecoder } from "./decoders.ts";
import { attack, type LiveDeps, replayLive } from "./live-port.ts";
import { sampleFrames } from "./mutate.ts";
import { poolFigures } from "./pool-figures.ts";

/** What a run is asked for. */
export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  /** Only this input, to every decoder and at every stage of a connection. */
  readonly replay?: Uint8Array;
  readonly say: (line: string) => void;
}

/** The last line of a run. */
export interface FuzzSummary {
  readonly inputs: number;
  readonly crashes: number;
  readonly leaked_kb: number;
  readonly honest_shares_lost: number;
}

/** Of the inputs, how many go to the live port. */
const LIVE_SHARE = 0.25;
const WARM_UP = 0.2;
const ATTACKERS = 8;
const HONEST_MINERS = 4;
const HASHES_PER_SECOND = 1_500;
const REMEMBERED_INPUTS = 40;
const ANSWERS_WITHIN_MS = 20_000;
/** Of the pool's log, when a run fails. */
const LOG_LINES = 50;

/** Throws bytes at every decoder and at a running pool while honest miners work on it. */
export async function runFuzz({ inputs, seed, replay, say }: FuzzOptions): Promise<FuzzSummary> {
  const frames = sampleFrames(seed);
  say(`seed ${seed}; starting the database, the chain, the templates and the pool`);
  const world = await startPoolWorld({
    hashesPerBlock: HASHES_PER_SECOND * HONEST_MINERS * 20,
    nodeArguments: ["--expose-gc", "--import", join(import.meta.dirname, "collect-garbage.mjs")],
    logLevel: "error",
  });
  const crowd = new MinerCrowd(
    HONEST_MINERS,
    { ...world.pool, hashesPerSecond: HASHES_PER_SECOND },
    "honest",
  );
  const recent: string[] = [];
  let live = 0;
  const deps: LiveDeps = {
    port: world.pool.port,
    prng: new Prng(seed, 1),
    frames,
    userIdentity: `${world.pool.address}.fuzz`,
    onInput(stage, bytes) {
      live++;
      recent.push(`${stage}:${hex(bytes)}`);
      if (recent.length > REMEMBERED_INPUTS) recent.shift();
    },
  };
  let failed = true;
  try {
    await pause(1_000);
    const wanted = Math.floor(inputs * LIVE_SHARE);
    const warmUp = Math.floor(wanted * WARM_UP);
    if (replay === undefined) await attackUntil(warmUp, deps, () => live, world, say);
    else await replayLive(deps, replay);
    const before = await poolFigures(world);
    if (replay === undefined) await attackUntil(wanted, deps, () => live, world, say);
    const decoded = replay === undefined ? inputs - live : 1;
    const crashes = await decode(decoded, new Prng(seed, 2), frames, replay);
    for (const { target, input, error } of crashes.slice(0, 10)) {
      say(`crash in ${target}: ${error instanceof Error ? error.stack : error}\n  --replay ${hex(input)}`);
    }
    const after = await poolFigures(world);
    const lost = await lostShares(crowd, world, say);
    say(
      `${live} inputs to the port, ${decoded} to decoders; heap ${before.heapKb} kB → ${after.heapKb} kB; ` +
        `${crowd.sum((miner) => miner.acknowledged.length)} honest shares acknowledged, rejected ${JSON.stringify(crowd.rejected())}; ` +
        `${after.handshakes} handshakes, ${after.failedHandshakes} failed; ${after.malformed} messages malformed, ` +
        `${after.discarded} discarded, ${after.exceptions} exceptions in sessions`,
    );
    const poolCrashes = world.pool.unexpectedEnds + after.exceptions;
    if (poolCrashes > 0) say(`last inputs to the port:\n${recent.join("\n")}`);
    failed = crashes.length + poolCrashes + lost > 0;
    return {
      inputs: live + decoded,
      crashes: crashes.length + poolCrashes,
      leaked_kb: Math.max(0, after.heapKb - before.heapKb),
      honest_shares_lost: lost,
    };
  } finally {
    crowd.stop();
    if (failed)
      say(`the end of the pool's log:\n${world.pool.tail(LOG_LINES)}\nlast inputs:\n${recent.join("\n")}`);
    await world.stop();
  }
}

async function attackUntil(
  wanted: number,
  deps: LiveDeps,
  sent: () => number,
  world: PoolWorld,
  say: (line: string) => void,
): Promise<void> {
  const worker = async () => {
    while (sent() < wanted && world.pool.running) await attack(deps);
  };
  const progress = setInterval(() => say(`${sent()} inputs to the port`), 10_000);
  await Promise.all(Array.from({ length: ATTACKERS }, worker));
  clearInterval(progress);
}

const BETWEEN_PAUSES = 200;

async function decode(
  count: number,
  prng: Prng,
  frames: readonly Uint8Array[],
  replay: Uint8Array | undefined,
): Promise<Crash[]> {
  const targets = decoders(frames);
  const crashes: Crash[] = [];
  if (replay !== undefined) {
    return targets.map((target) => tryDecoder(target, replay)).filter((crash) => crash !== undefined);
  }
  for (let done = 0; done < count; done++) {
    const target = prng.pick(targets);
    const crash = tryDecoder(target, nextInput(prng, target));
    if (crash !== undefined) crashes.push(crash);
    // The honest miners live in this process, too.
    if (done % BETWEEN_PAUSES === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return crashes;
}

/** Honest shares without an answer, rejected for anything but coming late, or answered and not in the database. */
async function lostShares(crowd: MinerCrowd, world: PoolWorld, say: (line: string) => void): Promise<number> {
  crowd.rest();
  const unanswered = () => crowd.sum((miner) => miner.unanswered);
  for (const deadline = Date.now() + ANSWERS_WITHIN_MS; unanswered() > 0 && Date.now() < deadline; ) {
    await pause(50);
  }
  const rejected = Object.entries(crowd.rejected()).filter(([code]) => code !== "stale-share");
  const acknowledged = crowd.miners.flatMap((miner) => miner.acknowledged);
  if (acknowledged.length === 0) throw new Error("no honest share was acknowledged");
  const { missing } = await lookUp(world.databaseUrl, acknowledged);
  const unknown = crowd.sum((miner) => miner.unknown);
  const wrong = rejected.reduce((sum, [, count]) => sum + count, 0);
  const lost = unanswered() + unknown + wrong + missing.length;
  if (lost > 0)
    say(`lost: ${unanswered()} unanswered, ${unknown} cut off, ${wrong} rejected, ${missing.length} missing`);
  return lost;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
