import { ReferenceTranslator, type ReferenceTranslatorOptions } from "@lode/testing/peers";
import { Prng } from "@lode/testing/random";
import { describe, expect, it } from "vitest";
import { expectContent, mineThroughEverything } from "./hour.ts";
import { PeerWorld, type PeerWorldOptions } from "./peer-world.ts";

type Config = Pick<ReferenceTranslatorOptions, "aggregated"> & Partial<ReferenceTranslatorOptions>;

/** A translator with SV1 miners of a few rates behind it. */
function farm(config: Config, miners: number, options: PeerWorldOptions = {}) {
  const world = new PeerWorld(options);
  const translator = world.add(
    new ReferenceTranslator({ ...world.options("farm"), minHashrate: 0.3e12, ...config }),
  );
  const devices = Array.from({ length: miners }, (_, index) => {
    const hashrate = 0.2e12 * (1 + (index % 5));
    return { device: translator.join(`rig${index}`, hashrate), hashrate };
  });
  return { world, translator, devices };
}

/** Reasons for which the translator may keep a share: its miners get easier targets, and some finish old work. */
const HARMLESS = new Set(["difficulty-too-low", "stale-share"]);

function expectNothingLost(translator: ReferenceTranslator): void {
  expect([...translator.kept.keys()].filter((reason) => !HARMLESS.has(reason))).toEqual([]);
}

const configs: Record<string, Config> = {
  "a translator with one channel for all its miners": { aggregated: true },
  "a translator with one channel for all and no vardiff of its own": { aggregated: true, vardiff: false },
  "a translator with a channel for each miner": { aggregated: false },
  "a translator with a channel for each and no vardiff of its own": { aggregated: false, vardiff: false },
};

describe("the reference translator at the mining server", { timeout: 60_000 }, () => {
  for (const [name, config] of Object.entries(configs)) {
    it(`${name} mines through tips, templates, retargets and refreshes without a wrong rejection`, () => {
      const { world, translator, devices } = farm(config, 6);
      mineThroughEverything(world, devices);
      expectContent(translator);
      expect(translator.shares.overtaken).toBe(0);
      expectNothingLost(translator);
      expect(world.pool.complaints).toEqual([]);
    });

    it(`${name} loses nothing but what a tip overtakes on a slow line`, () => {
      const { world, translator, devices } = farm(config, 6, { latencyMs: 230, commitMs: 400 });
      mineThroughEverything(world, devices);
      expectContent(translator);
      expectNothingLost(translator);
    });
  }

  it("gets each later job and each SetNewPrevHash once for all its channels", () => {
    const { world, translator } = farm({ aggregated: false, vardiff: false }, 20);
    world.run(1);
    const [jobs, prevHashes] = [seen(translator, "NewExtendedMiningJob"), seen(translator, "SetNewPrevHash")];
    // Openings are each channel's own.
    expect(prevHashes).toBe(20);
    world.pool.jobs.nextTip();
    world.pool.clock.settle();
    expect(seen(translator, "NewExtendedMiningJob")).toBe(jobs + 1);
    expect(seen(translator, "SetNewPrevHash")).toBe(prevHashes + 1);
    translator.judge();
  });

  for (const latencyMs of [0, 120]) {
    it(`50 channels open and close all the time, ${latencyMs} ms away, and no job goes astray`, () => {
      const small = 0.03e12;
      const { world, translator } = farm({ aggregated: false, minHashrate: small }, 0, {
        latencyMs,
      });
      const prng = new Prng(7);
      const join = (name: string) => translator.join(name, small * (1 + prng.below(5)));
      for (let count = 0; count < 50; count++) join(`rig${count}`);
      let joined = 50;
      world.pool.clock.every(7_013, () => {
        const leaving = prng.pick([...translator.miners]);
        translator.part(leaving);
        join(`rig${joined++}`);
      });
      world.run(62);
      translator.judge();
      expectNothingLost(translator);
      expect(world.tips).toBeGreaterThanOrEqual(20);
      expect(joined).toBeGreaterThan(500);
      expect(translator.channelCount).toBe(50);
      expect(translator.shares.accepted).toBeGreaterThan(5_000);
      expect(world.pool.complaints).toEqual([]);
      expect(world.pool.server.stats().channels).toBe(50);
    }, 120_000);
  }

  it("miners come and go behind one channel, down to none at all", () => {
    const { world, translator, devices } = farm({ aggregated: true }, 4);
    world.run(10);
    for (const { device } of devices) translator.part(device);
    world.run(10);
    const idle = translator.shares.sent;
    expect(translator.channelCount).toBe(1);
    world.run(10);
    expect(translator.shares.sent).toBe(idle);
    for (const name of ["late1", "late2", "late3"]) translator.join(name, 0.5e12);
    world.run(30);
    translator.judge();
    expect(translator.shares.sent).toBeGreaterThan(idle + 100);
    expectNothingLost(translator);
  });

  it("all channels but one close, and the last is addressed alone until others come", () => {
    const { world, translator, devices } = farm({ aggregated: false }, 5);
    for (let round = 0; round < 6; round++) {
      world.run(3);
      for (const { device } of devices.splice(1)) translator.part(device);
      world.run(6);
      for (const name of ["b", "c", "d", "e"]) {
        const hashrate = 0.4e12;
        devices.push({ device: translator.join(`${name}${round}`, hashrate), hashrate });
      }
    }
    world.run(10);
    translator.judge();
    expectNothingLost(translator);
    expect(translator.channelCount).toBe(5);
  });

  it("names the worker of each share when it asked for 0x0002, cut to 32 bytes", () => {
    const extensions = { supported: [0x0002], required: [] };
    const world = new PeerWorld({ settings: { extensions } });
    const workers = new Set<string>();
    const { record } = watch(world, workers);
    const translator = world.add(
      new ReferenceTranslator({
        ...world.options("farm"),
        aggregated: true,
        minHashrate: 0.3e12,
        requiredExtensions: [0x0002],
      }),
    );
    for (const name of ["rig1", "rig2", "rig-3-in-a-shed-far-behind-the-mountains"])
      translator.join(name, 0.5e12);
    world.run(20);
    record();
    translator.judge();
    expect([...translator.extensions]).toEqual([0x0002]);
    expect([...workers].sort()).toEqual(["rig-3-in-a-shed-far-behind-the-m", "rig1", "rig2"]);
  });

  it("asks for an extension only when the server requires it, and goes on", () => {
    const extensions = { supported: [0x0002], required: [0x0002] };
    const world = new PeerWorld({ settings: { extensions } });
    const translator = world.add(
      new ReferenceTranslator({
        ...world.options("farm"),
        aggregated: true,
        requiredExtensions: [0x0002],
        minHashrate: 0.3e12,
      }),
    );
    translator.join("rig", 0.5e12);
    world.run(10);
    translator.judge();
    expect(translator.shares.accepted).toBeGreaterThan(20);
  });

  it("leaves a pool that lacks an extension it requires", () => {
    const world = new PeerWorld();
    const translator = new ReferenceTranslator({
      ...world.options("farm"),
      aggregated: true,
      requiredExtensions: [0x0002],
    });
    translator.join("rig", 0.5e12);
    world.run(1);
    expect(translator.left).toBe("required extensions 2 are not supported");
  });
});

function seen(
  translator: ReferenceTranslator,
  name: Parameters<ReferenceTranslator["seen"]["get"]>[0],
): number {
  return translator.seen.get(name) ?? 0;
}

/** Collects the workers of accepted shares before they are acknowledged. */
function watch(world: PeerWorld, workers: Set<string>): { record: () => void } {
  const record = () => {
    for (const { worker } of world.pool.shares) workers.add(worker);
  };
  world.pool.clock.every(1, record);
  return { record };
}
