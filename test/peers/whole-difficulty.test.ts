import { maxTarget } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { Bitaxe, NerdQAxe, Scale, ScriptedPool } from "@lode/testing";
import { describe, expect, it } from "vitest";
import { ACCOUNT } from "./peer-world.ts";

/**
 * Firmware that cuts difficulties to whole numbers hands in a little more than the target allows; these tests are at real
 * difficulties, where nobody finds anything, so that silence makes the targets easier step by step.
 */
describe("targets for firmware that knows whole difficulties only", () => {
  for (const [name, make] of Object.entries({
    NerdQAxe: (pool: ScriptedPool) => new NerdQAxe({ ...options(pool), hashrate: 0 }),
    "a bitaxe before 2.15": (pool: ScriptedPool) =>
      new Bitaxe({ ...options(pool), kind: "extended", firmware: "2.14", hashrate: 0 }),
  })) {
    it(`what ${name} makes of a target is never easier than the target`, () => {
      const channel = { ...defaultChannelSettings, easiestTarget: maxTarget >> 32n };
      const pool = new ScriptedPool({ settings: { channel } });
      const peer = make(pool);
      pool.clock.advance(1_800_000);
      peer.judge();
      expect(peer.retargets.easier).toBeGreaterThan(5);
    });
  }
});

function options(pool: ScriptedPool) {
  const { client: connection } = pool.wire();
  return { connection, clock: pool.clock, name: "peer", user: ACCOUNT, scale: new Scale(0) };
}
