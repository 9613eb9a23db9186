import { describe, expect, it } from "vitest";
import { everybody } from "./everybody.ts";
import { expectContent, mineThroughEverything } from "./hour.ts";

describe("every peer at once", () => {
  it("mines through everything without one wrong rejection", () => {
    const { world, devices } = everybody({});
    mineThroughEverything(world, devices);
    for (const peer of world.peers) {
      expectContent(peer);
      expect(peer.shares.overtaken, peer.name).toBe(0);
    }
    expect(world.pool.complaints).toEqual([]);
  }, 120_000);

  it("loses nothing but what a tip overtakes, over lines of a third of a second", () => {
    const { world, devices } = everybody({ latencyMs: 330, commitMs: 500, tipMs: 47_003.5 });
    mineThroughEverything(world, devices);
    let overtaken = 0;
    for (const peer of world.peers) {
      expectContent(peer);
      overtaken += peer.shares.overtaken;
    }
    // So the excuse was needed at all, and seldom.
    expect(overtaken).toBeGreaterThan(0);
    expect(overtaken).toBeLessThan(world.tips * 2);
    expect(world.pool.complaints).toEqual([]);
  }, 120_000);
});
