import { Bitaxe, BraiinsOs, NerdQAxe, type ScriptedPeer } from "@lode/testing/peers";
import { describe, expect, it } from "vitest";
import { expectContent, mineThroughEverything, type Tunable } from "./hour.ts";
import { PeerWorld } from "./peer-world.ts";

const devices: Record<string, (world: PeerWorld, hashrate: number) => ScriptedPeer & Tunable> = {
  "a bitaxe on an extended channel": (world, hashrate) =>
    new Bitaxe({ ...world.options("axe"), kind: "extended", hashrate }),
  "a bitaxe on a standard channel": (world, hashrate) =>
    new Bitaxe({ ...world.options("axe"), kind: "standard", hashrate }),
  "a bitaxe before 2.15 with frames of 2 KiB, extended": (world, hashrate) =>
    new Bitaxe({ ...world.options("axe"), kind: "extended", firmware: "2.14", hashrate }),
  "a bitaxe before 2.15 with frames of 2 KiB, standard": (world, hashrate) =>
    new Bitaxe({ ...world.options("axe"), kind: "standard", firmware: "2.14", hashrate }),
  "a NerdQAxe": (world, hashrate) => new NerdQAxe({ ...world.options("nerd"), hashrate }),
  "a NerdQAxe with frames of 2 KiB": (world, hashrate) =>
    new NerdQAxe({ ...world.options("nerd"), firmware: "2026-06", hashrate }),
  "BraiinsOS without flags": (world, hashrate) => new BraiinsOs({ ...world.options("s19"), hashrate }),
  "BraiinsOS that requires standard jobs": (world, hashrate) =>
    new BraiinsOs({ ...world.options("s19"), flags: 1, hashrate }),
};

describe("firmware at the mining server", { timeout: 60_000 }, () => {
  for (const [name, make] of Object.entries(devices)) {
    it(`${name} mines through tips, templates, retargets and refreshes without a wrong rejection`, () => {
      const world = new PeerWorld();
      const device = world.add(make(world, 1.2e12));
      mineThroughEverything(world, [{ device, hashrate: 1.2e12 }]);
      expectContent(device);
      expect(device.shares.overtaken).toBe(0);
      expect(world.pool.complaints).toEqual([]);
    });

    it(`${name} loses nothing but what a tip overtakes on a slow line`, () => {
      const world = new PeerWorld({ latencyMs: 230, commitMs: 400 });
      const device = world.add(make(world, 1.2e12));
      mineThroughEverything(world, [{ device, hashrate: 1.2e12 }]);
      expectContent(device);
    });
  }

  it("a bitaxe that finds its nominal rate wrong by a factor of 30 soon has its six shares a minute", () => {
    for (const hashrate of [3e10, 3e13]) {
      const world = new PeerWorld();
      const device = world.add(new Bitaxe({ ...world.options("axe"), kind: "extended", hashrate }));
      world.run(15);
      const before = device.shares.sent;
      world.run(30);
      device.judge();
      expect((device.shares.sent - before) / 30).toBeGreaterThan(4);
      expect((device.shares.sent - before) / 30).toBeLessThan(9);
    }
  });

  it("firmware that leaves after minutes of silence stays when the chain has no news for two hours", () => {
    const world = new PeerWorld();
    world.stopTheChain();
    for (const [name, make] of Object.entries(devices)) {
      // So slow that it finds nothing, so that only jobs break the silence.
      world.add(make(world, name.includes("standard") ? 0.3e12 : 0.01e12));
    }
    world.run(120);
    world.judge();
  });
});
