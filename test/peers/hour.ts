import type { ScriptedPeer } from "@lode/testing/peers";
import { expect } from "vitest";
import type { PeerWorld } from "./peer-world.ts";

/** Whoever's hash rate can be changed. */
export interface Tunable {
  tune(hashrate: number): void;
}

/**
 * An hour and a half of mining: an hour with tips and templates, in which every device becomes four times as fast and then half
 * as fast as at first, and half an hour without any news from the chain.
 */
export function mineThroughEverything(
  world: PeerWorld,
  devices: readonly { readonly device: Tunable; readonly hashrate: number }[],
): void {
  const tuneAll = (factor: number) => {
    for (const { device, hashrate } of devices) device.tune(hashrate * factor);
  };
  world.run(20);
  tuneAll(4);
  world.run(15);
  tuneAll(0.5);
  world.run(25);
  expect(world.tips).toBeGreaterThanOrEqual(20);
  expect(world.templates).toBeGreaterThanOrEqual(100);
  world.stopTheChain();
  world.run(30);
}

/** Nothing to complain of, and the work was worth it. */
export function expectContent(peer: ScriptedPeer, leastShares = 200): void {
  peer.judge();
  const { sent, accepted, unanswered, overtaken } = peer.shares;
  expect(sent, `${peer.name} sent`).toBeGreaterThanOrEqual(leastShares);
  // What is still on its way when the clock stops.
  expect(unanswered, `${peer.name} unanswered`).toBeLessThanOrEqual(5);
  expect(accepted, `${peer.name} accepted`).toBe(sent - unanswered - overtaken);
  expect(peer.retargets.harder, `${peer.name} harder`).toBeGreaterThan(0);
  expect(peer.retargets.easier, `${peer.name} easier`).toBeGreaterThan(0);
  expect(peer.retargets.same, `${peer.name} same`).toBe(0);
}
