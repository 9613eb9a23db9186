import type { Prng } from "@lode/testing/random";
import { type MischiefName, mischiefs } from "./miners/mischief.ts";
import type { Scene } from "./scene.ts";

/** What a step may do. A string that comes back belongs into the trace beside the action's name. */
export const actions = {
  mine: (scene) => {
    for (const miner of scene.miners) if (scene.prng.chance(0.5)) miner.work();
  },
  "mine-hard": (scene) => {
    const miner = scene.anyMiner();
    for (let rounds = scene.prng.between(2, 12); rounds > 0; rounds--) miner?.work();
    return miner?.name;
  },
  wait: () => {},
  connect: (scene) => scene.connectAny()?.name,
  stranger: (scene) => scene.connectStranger(),
  leave: (scene) => {
    const miner = scene.anyMiner();
    if (scene.prng.chance(0.5)) miner?.client.close("leaving");
    else miner?.wire.destroy("leaving");
    return miner?.name;
  },
  "open-channel": (scene) => {
    const miner = scene.anyMiner();
    miner?.open();
    return miner?.name;
  },
  "update-channel": (scene) => {
    const miner = scene.anyMiner(true);
    const rate = scene.prng.pick([0, 1, 10, 1_000]);
    for (const { channel } of miner?.workplaces.values() ?? []) miner?.client.update(channel, rate);
    return miner?.name;
  },
  "close-channel": (scene) => {
    const miner = scene.anyMiner();
    const workplaces = [...(miner?.workplaces.values() ?? [])];
    if (workplaces.length > 0) miner?.closeChannel(scene.prng.pick(workplaces));
    return miner?.name;
  },
  "move-prefix": (scene) => scene.pool?.movePrefix(scene.prng),
  mischief: (scene) => {
    const miner = scene.anyMiner(false);
    if (miner === undefined) return "nobody";
    const name = scene.prng.pick(Object.keys(mischiefs) as MischiefName[]);
    mischiefs[name](miner, scene.prng);
    return `${miner.name}: ${name}`;
  },
  "new-tip": (scene) => scene.chain.extend(),
  "new-fees": (scene) => scene.chain.refresh(),
  "bad-template": (scene) => {
    scene.chain.spoil();
    scene.world.fault("bad-template");
  },
  reorg: (scene) => scene.chain.reorganise(),
  "source-down": (scene) => {
    scene.chain.goDown();
    scene.world.fault("source-down");
  },
  "source-up": (scene) => scene.chain.comeBack(),
  "store-well": (scene) => {
    scene.store.health = "healthy";
  },
  "store-ill": (scene) => {
    scene.store.health = scene.prng.pick(["slow", "flaky", "flaky", "down"] as const);
    return scene.store.health;
  },
  "nodes-well": (scene) => {
    for (const node of scene.nodes) node.health = "healthy";
  },
  "nodes-ill": (scene) => {
    scene.prng.pick(scene.nodes).health = scene.prng.pick(["flaky", "down"] as const);
  },
  disk: (scene) => {
    scene.disk.healthy = !scene.disk.healthy;
    return scene.disk.healthy ? "well" : "ill";
  },
  network: (scene) => {
    const { network, prng } = scene;
    network.breaks = prng.pick([0, 0, 0.001, 0.02]);
    network.delays = prng.pick([0, 0, 0.01, 0.2]);
    return `breaks ${network.breaks} delays ${network.delays}`;
  },
  stall: (scene) => scene.network.stall(scene.prng.between(100, 8_000)),
  "stop-reading": (scene) => {
    const miner = scene.anyMiner();
    if (miner !== undefined) scene.network.stopReading(miner, scene.prng.between(1_000, 60_000));
    return miner?.name;
  },
  "wall-clock": (scene) => {
    const { prng, world } = scene;
    world.wallOffset = prng.pick([0, 0, 1, -1]) * prng.pick([1_000, 60_000, 600_000, 10_800_000]);
    world.fault("wall-clock-step");
    return `${world.wallOffset} ms`;
  },
  crash: (scene) => scene.crash(),
  drain: (scene) => scene.drain(scene.prng.pick([0, 100, 5_000, 30_000])),
  start: (scene) => scene.startPool(),
} as const satisfies Record<string, (scene: Scene) => unknown>;

/** A key of {@link actions}. */
export type ActionName = keyof typeof actions;

/** How often each action is chosen, and how time passes, in one episode. */
export interface Mood {
  readonly weights: Readonly<Record<ActionName, number>>;
  /** Probability of a step that lasts minutes, and of one past the pool's longest patience. */
  readonly longSteps: number;
  readonly longestSteps: number;
}

const usual: Record<ActionName, number> = {
  mine: 60,
  "mine-hard": 12,
  wait: 10,
  connect: 12,
  stranger: 1,
  leave: 2,
  "open-channel": 3,
  "update-channel": 2,
  "close-channel": 2,
  "move-prefix": 2,
  mischief: 20,
  "new-tip": 4,
  "new-fees": 4,
  "bad-template": 0.5,
  reorg: 1,
  "source-down": 1,
  "source-up": 3,
  "store-well": 4,
  "store-ill": 2,
  "nodes-well": 3,
  "nodes-ill": 2,
  disk: 1,
  network: 2,
  stall: 0.5,
  "stop-reading": 1,
  "wall-clock": 0.5,
  crash: 1,
  drain: 0.5,
  start: 12,
};

/** Without these an episode would see nothing. */
const ALWAYS: ReadonlySet<ActionName> = new Set(["mine", "connect", "start"]);

/** Every episode leaves some actions out and does others more often: rare states are reached that way. */
export function drawMood(prng: Prng): Mood {
  const weights = { ...usual };
  for (const name of Object.keys(weights) as ActionName[]) {
    if (!ALWAYS.has(name)) weights[name] *= prng.pick([0, 0.3, 1, 1, 1, 4]);
  }
  return { weights, longSteps: prng.pick([0, 0.005, 0.02]), longestSteps: prng.pick([0, 0, 0, 0.002]) };
}

/** Milliseconds one step takes. */
export function drawDuration(mood: Mood, prng: Prng): number {
  if (prng.chance(mood.longestSteps)) return prng.between(650_000, 720_000);
  if (prng.chance(mood.longSteps)) return prng.between(30_000, 120_000);
  const scale = prng.pick([0, 0, 5, 5, 50, 50, 500, 500, 3_000]);
  return scale === 0 ? 0 : prng.below(scale) + prng.pick([0, 0.5]);
}
