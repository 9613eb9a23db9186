import { actions, drawDuration, drawMood } from "./actions.ts";
import { checkEmpty, checkQuiet, checkStep } from "./model/invariants.ts";
import type { BugName } from "./planted-bugs.ts";
import { Scene } from "./scene.ts";
import { type Violation, World } from "./world/world.ts";

/** What a simulation is asked for. */
export interface SimulationOptions {
  readonly seed: number;
  readonly steps: number;
  readonly bug?: BugName;
  /** Hears every event as it happens. */
  readonly onEvent?: (line: string) => void;
  /** Called after every episode with the steps done. */
  readonly onProgress?: (outcome: Outcome) => void;
}

/** What came of it. */
export interface Outcome {
  readonly seed: number;
  /** Steps done; fewer than asked for after a violation. */
  readonly steps: number;
  readonly faults: number;
  readonly faultKinds: ReadonlyMap<string, number>;
  /** States and verdicts that were reached, by name. */
  readonly reached: ReadonlyMap<string, number>;
  readonly crashes: number;
  /** Shares that are in the store. */
  readonly shares: number;
  readonly blocks: number;
  readonly virtualMs: number;
  readonly violation: Violation | null;
  /** Equal for equal seeds. */
  readonly trace: string;
  /** The last events. */
  readonly events: readonly string[];
}

/** Steps before everything has to come to rest once. */
const EPISODE = 400;
/** Longer than every retry, deadline and delay that a fault may have left behind. */
const REST_MS = 130_000;

/** Runs one seed. Stops at the first violation. */
export async function simulate({
  seed,
  steps,
  bug,
  onEvent,
  onProgress,
}: SimulationOptions): Promise<Outcome> {
  const world = new World(seed, onEvent);
  const scene = new Scene(world, bug ?? null);
  let done = 0;
  const outcome = (): Outcome => ({
    seed,
    steps: done,
    faults: world.counts.faults,
    faultKinds: world.faults,
    reached: world.reached,
    crashes: world.counts.crashes,
    shares: world.counts.shares,
    blocks: world.counts.blocks,
    virtualMs: world.clock.monotonic(),
    violation: world.violation,
    trace: world.trace.digest(),
    events: world.trace.recent(),
  });
  const onRejection = (reason: unknown) =>
    world.violate("contained", `a rejection escaped: ${String(reason)}`);
  process.on("unhandledRejection", onRejection);
  try {
    while (done < steps && world.violation === null) {
      done += await episode(scene, Math.min(EPISODE, steps - done));
      onProgress?.(outcome());
    }
  } catch (error) {
    world.violate(
      "contained",
      `an exception escaped: ${error instanceof Error ? error.stack : String(error)}`,
    );
  } finally {
    process.off("unhandledRejection", onRejection);
  }
  return outcome();
}

/** @returns steps done */
async function episode(scene: Scene, steps: number): Promise<number> {
  const { world, prng } = scene;
  const mood = drawMood(prng);
  scene.startPool();
  for (let step = 0; step < steps; step++) {
    const name = prng.weighted(mood.weights);
    const detail = actions[name](scene);
    world.trace.event(typeof detail === "string" ? `${name} ${detail}` : name);
    await world.clock.advanceAsync(drawDuration(mood, prng));
    checkStep(scene);
    if (world.violation !== null) return step + 1;
  }
  await rest(scene);
  return steps;
}

/** All faults end; after a while nothing may be left undone, and a newcomer gets an answer. */
async function rest(scene: Scene): Promise<void> {
  const { world, prng } = scene;
  world.trace.event("rest");
  scene.heal();
  await world.clock.advanceAsync(REST_MS / 2);
  scene.startPool();
  await world.clock.advanceAsync(REST_MS / 2);
  checkStep(scene);
  checkQuiet(scene);
  if (world.violation !== null) return;
  if (prng.chance(0.4) || scene.pool?.limits.isTight) await everybodyLeaves(scene);
  await newcomer(scene);
}

async function everybodyLeaves(scene: Scene): Promise<void> {
  for (const miner of scene.miners) miner.wire.destroy("leaving");
  await scene.world.clock.advanceAsync(17_000);
  checkStep(scene);
  checkEmpty(scene);
}

async function newcomer(scene: Scene): Promise<void> {
  const { world } = scene;
  while (scene.miners.length > 5) {
    scene.miners[0]!.wire.destroy("making room");
    await world.clock.advanceAsync(0);
  }
  const miner = scene.connectHonest();
  await world.clock.advanceAsync(100);
  for (let rounds = 0; rounds < 50; rounds++) miner?.work();
  await world.clock.advanceAsync(1_000);
  checkStep(scene);
  checkQuiet(scene);
  const answered = [...(miner?.workplaces.values() ?? [])].some(({ lastShare }) => lastShare !== null);
  if (!answered) world.violate("alive", "a newcomer cannot mine");
}
