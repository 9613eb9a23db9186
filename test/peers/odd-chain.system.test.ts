import { concatBytes, nbitsFromTarget } from "@lode/bitcoin";
import { describe, expect, it } from "vitest";
import { connectAll, everybody } from "./everybody.ts";
import type { PeerWorld } from "./peer-world.ts";

/** Everybody is satisfied and mined on all the time. */
function expectSteady(world: PeerWorld, leastShares: number): void {
  world.judge();
  for (const { name, shares } of world.peers) {
    expect(shares.sent, `${name} sent`).toBeGreaterThanOrEqual(leastShares);
    expect(shares.accepted, `${name} accepted`).toBe(shares.sent - shares.overtaken - shares.unanswered);
  }
  expect(world.pool.complaints).toEqual([]);
}

describe("everybody goes on without a wrong rejection", () => {
  it("through blocks that come within a second of each other", () => {
    const { world } = everybody({ tipMs: 1_003.5, latencyMs: 90 });
    world.run(10);
    expect(world.tips).toBeGreaterThan(500);
    expectSteady(world, 20);
  }, 60_000);

  it("when the difficulty changes on the same block, as on test networks", () => {
    const { world } = everybody();
    const { jobs } = world.pool;
    for (let round = 1; round <= 6; round++) {
      world.run(3);
      const target = jobs.tip.target >> BigInt(round);
      jobs.on({ ...jobs.tip, target, nbits: nbitsFromTarget(target) });
    }
    world.run(5);
    expectSteady(world, 50);
  }, 60_000);

  it("when another template source says an earlier time for the same block", () => {
    const { world } = everybody();
    const { jobs } = world.pool;
    for (let round = 1; round <= 6; round++) {
      world.run(3);
      jobs.on({ ...jobs.tip, headerTimestamp: jobs.tip.headerTimestamp - 30 * round });
    }
    world.run(5);
    expectSteady(world, 50);
  }, 60_000);

  it("when the chain goes back to the block it had before, and forward again", () => {
    const { world } = everybody();
    const { jobs } = world.pool;
    for (let round = 1; round <= 6; round++) {
      const before = jobs.tip;
      world.run(2.6);
      expect(jobs.tip).not.toBe(before);
      const after = jobs.tip;
      jobs.on(before);
      world.run(0.4);
      jobs.on(after);
    }
    world.run(3);
    expectSteady(world, 50);
  }, 60_000);

  it("with templates as long as mainnet's, in frames that old firmware can take", () => {
    const { world } = everybody({ templateMs: 1_000_000 });
    const { clock, jobs } = world.pool;
    const commitment = concatBytes(
      Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 38, 0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed),
      new Uint8Array(32).fill(0xcc),
    );
    clock.every(29_000.5, () => {
      jobs.next({
        merklePath: Array.from({ length: 14 }, (_, index) => new Uint8Array(32).fill(index)),
        coinbaseTxOutputs: commitment,
        coinbaseTxOutputsCount: 1,
      });
    });
    world.run(12);
    expectSteady(world, 30);
    const longest = Math.max(...world.peers.map(({ longestPayload }) => longestPayload));
    expect(longest).toBeGreaterThan(600);
    expect(longest).toBeLessThan(2048);
  }, 60_000);

  it("when templates stop for ten minutes and come back", () => {
    const { world } = everybody({ templateMs: 1_000_000, tipMs: 1_000_000 });
    const { jobs } = world.pool;
    // The pool goes on with its last template, so firmware that fears silence stays.
    world.run(10);
    jobs.nextTip();
    world.run(5);
    expectSteady(world, 50);
  }, 60_000);

  it("over lines on which everything takes another time", () => {
    const { world } = everybody({ latencyMs: 20, jitterMs: 400, tipMs: 20_003.5 });
    world.run(20);
    expectSteady(world, 50);
  }, 60_000);

  it("when all are thrown out again and again and come back at once", () => {
    const { world } = everybody();
    for (let round = 0; round < 8; round++) {
      world.run(3);
      world.pool.server.closeAll("shutting-down");
      world.run(0.02);
      // A translator with one channel takes its end for the pool's: that is what was meant.
      for (const peer of world.peers) expect(peer.left ?? peer.closed, peer.name).not.toBeNull();
      for (const peer of world.peers) expect(peer.violations, peer.name).toEqual([]);
      for (const peer of world.peers) expect(peer.refusals, peer.name).toEqual({});
      world.peers.length = 0;
      connectAll(world);
    }
    world.run(5);
    expectSteady(world, 15);
    expect(world.pool.server.stats().connections).toBe(world.peers.length);
  }, 60_000);
});
