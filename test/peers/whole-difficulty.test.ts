import { DIFF1_TARGET } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { mining } from "@lode/protocol";
import { Bitaxe, isSafeTarget, NerdQAxe, Scale } from "@lode/testing/peers";
import { ScriptedPool } from "@lode/testing/pool";
import { Prng } from "@lode/testing/random";
import { describe, expect, it } from "vitest";
import { ACCOUNT } from "./peer-world.ts";

/**
 * Firmware that cuts difficulties to whole numbers hands in a little more than the target allows; these tests are at real
 * difficulties, where nobody finds anything, so that silence makes the targets easier step by step.
 */
describe("targets for firmware that knows whole difficulties only", { timeout: 60_000 }, () => {
  for (const [name, make] of Object.entries({
    NerdQAxe: (pool: ScriptedPool) => new NerdQAxe({ ...options(pool), hashrate: 0 }),
    "a bitaxe before 2.15": (pool: ScriptedPool) =>
      new Bitaxe({ ...options(pool), kind: "extended", firmware: "2.14", hashrate: 0 }),
  })) {
    it(`what ${name} makes of a target is never easier than the target`, () => {
      const channel = { ...defaultChannelSettings, easiestTarget: DIFF1_TARGET / 16n };
      const pool = new ScriptedPool({ settings: { channel } });
      const peer = make(pool);
      pool.clock.advance(1_800_000);
      peer.judge();
      expect(peer.retargets.easier).toBeGreaterThan(2);
    });
  }
});

describe("the target of a channel's opening", { timeout: 60_000 }, () => {
  // Below difficulty 8, some 3 GH/s, there is no such firmware.
  it("is safe for such firmware at any hash rate from ten GH/s to a hundred PH/s", () => {
    const prng = new Prng(11);
    const scale = new Scale(0);
    const miner = new ScriptedPool().connect().setUp();
    for (let count = 0; count < 400; count++) {
      const nominalHashRate = 10 ** (10 + (7 * prng.u32()) / 2 ** 32);
      const { target, channelId } = miner.openExtended({ nominalHashRate });
      miner.takeAll();
      miner.send(mining.CloseChannel, { channelId, reasonCode: "" });
      expect(isSafeTarget(target, scale), `${nominalHashRate} H/s`).toBe(true);
    }
  });
});

function options(pool: ScriptedPool) {
  const { client: connection } = pool.wire();
  return { connection, clock: pool.clock, name: "peer", user: ACCOUNT, scale: new Scale(0) };
}
