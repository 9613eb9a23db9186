import { Bitaxe, BraiinsOs, NerdQAxe, ReferenceTranslator, type ScriptedPeer } from "@lode/testing/peers";
import { describe, expect, it } from "vitest";
import { PeerWorld } from "./peer-world.ts";

const kinds: Record<string, (world: PeerWorld) => ScriptedPeer> = {
  bitaxe: (world) => new Bitaxe({ ...world.options("axe"), kind: "extended", hashrate: 1e12 }),
  "standard bitaxe": (world) => new Bitaxe({ ...world.options("axe"), kind: "standard", hashrate: 1e12 }),
  NerdQAxe: (world) => new NerdQAxe({ ...world.options("nerd"), hashrate: 1e12 }),
  BraiinsOS: (world) => new BraiinsOs({ ...world.options("s19"), hashrate: 1e12 }),
};

function translator(world: PeerWorld, aggregated: boolean): ReferenceTranslator {
  const peer = new ReferenceTranslator({ ...world.options("farm"), aggregated, minHashrate: 0.3e12 });
  for (let index = 0; index < 3; index++) peer.join(`rig${index}`, 0.4e12);
  return peer;
}

describe("when the pool says goodbye", { timeout: 60_000 }, () => {
  for (const [name, make] of Object.entries(kinds)) {
    it(`a ${name} that is drained has every share answered and then sees the connection end`, async () => {
      const world = new PeerWorld({ commitMs: 700 });
      const peer = world.add(make(world));
      world.run(20);
      const drained = world.pool.server.drain({ windowMs: 5_000 });
      world.run(1);
      await drained;
      peer.judge();
      expect(peer.closed).toBe("peer-closed");
      const { sent, accepted, unanswered } = peer.shares;
      expect(accepted).toBeGreaterThan(20);
      expect([unanswered, accepted]).toEqual([0, sent]);
      expect(peer.seen.has("Reconnect")).toBe(false);
    });

    it(`a ${name} that is thrown out sees why and then the connection end`, () => {
      const world = new PeerWorld();
      const peer = world.add(make(world));
      world.run(5);
      world.pool.server.closeAll("shutting-down");
      world.run(1);
      peer.judge();
      expect(peer.closed).toBe("peer-closed");
      expect(peer.seen.get("CloseChannel")).toBe(1);
    });
  }

  for (const aggregated of [true, false]) {
    const name = aggregated ? "with one channel" : "with a channel for each miner";
    it(`a translator ${name} that is drained has every share answered first and never gets Reconnect, at which it panics`, async () => {
      const world = new PeerWorld({ commitMs: 700 });
      const peer = world.add(translator(world, aggregated));
      world.run(20);
      const before = peer.shares;
      const drained = world.pool.server.drain({ windowMs: 5_000 });
      world.run(1);
      await drained;
      expect(peer.violations).toEqual([]);
      expect(peer.refusals).toEqual({});
      expect(peer.seen.has("Reconnect")).toBe(false);
      expect(before.accepted).toBeGreaterThan(20);
      const { sent, accepted, unanswered } = peer.shares;
      expect([unanswered, accepted]).toEqual([0, sent]);
      // It takes the end of its channel, or of the connection, as the end of this pool; so do its miners.
      expect(peer.left ?? peer.closed).toBe(aggregated ? "AggregatedChannelClosed" : "peer-closed");
      expect([...peer.miners].some((miner) => miner.connected)).toBe(false);
    });
  }

  it("a draining pool takes nobody new, and the others are gone when it is over", async () => {
    const world = new PeerWorld();
    for (const make of Object.values(kinds)) world.add(make(world));
    world.run(3);
    const drained = world.pool.server.drain({ windowMs: 10_000 });
    world.run(0.01);
    const late = new Bitaxe({ ...world.options("late"), kind: "extended", hashrate: 1e12 });
    world.run(1);
    await drained;
    expect(late.seen.size).toBe(0);
    expect(late.closed).toBe("peer-closed");
    expect(world.peers.map(({ closed }) => closed)).toEqual(world.peers.map(() => "peer-closed"));
    world.judge();
  });
});
