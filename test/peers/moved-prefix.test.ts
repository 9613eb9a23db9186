import { NerdQAxe, ReferenceTranslator } from "@lode/testing/peers";
import { describe, expect, it } from "vitest";
import { PeerWorld } from "./peer-world.ts";

/** Gives each channel of a connection another prefix. @returns whether there was such a channel */
function moveAll(world: PeerWorld, connectionId: number, channelIds: readonly number[]): boolean[] {
  return channelIds.map((channelId) => world.pool.server.moveExtranoncePrefix(connectionId, channelId));
}

describe("SetExtranoncePrefix", { timeout: 60_000 }, () => {
  it("moves a NerdQAxe to another search space without losing a share", () => {
    const world = new PeerWorld();
    const { server, client } = world.pool.wire();
    const peer = world.add(new NerdQAxe({ ...world.options("nerd", client), hashrate: 1.5e12 }));
    for (let round = 0; round < 12; round++) {
      world.run(4.01);
      expect(moveAll(world, server.id, [2])).toEqual([true]);
    }
    world.run(5);
    peer.judge();
    expect(peer.seen.get("SetExtranoncePrefix")).toBe(12);
    expect(peer.shares.accepted).toBeGreaterThan(200);
  });

  for (const [name, aggregated, channelIds] of [
    ["the one channel", true, [2]],
    ["each channel", false, [2, 3, 4, 5]],
  ] as const) {
    it(`moves ${name} of a translator without losing a share`, () => {
      const world = new PeerWorld();
      const { server, client } = world.pool.wire();
      const translator = world.add(
        new ReferenceTranslator({ ...world.options("farm", client), aggregated, minHashrate: 0.3e12 }),
      );
      for (let index = 0; index < 4; index++) translator.join(`rig${index}`, 0.4e12);
      for (let round = 0; round < 12; round++) {
        world.run(4.01);
        expect(moveAll(world, server.id, channelIds)).toEqual(channelIds.map(() => true));
      }
      world.run(5);
      translator.judge();
      expect(translator.seen.get("SetExtranoncePrefix")).toBe(12 * channelIds.length);
      expect([...translator.kept.keys()].filter((code) => code !== "difficulty-too-low")).toEqual([]);
      expect(translator.shares.accepted).toBeGreaterThan(200);
    });
  }
});
