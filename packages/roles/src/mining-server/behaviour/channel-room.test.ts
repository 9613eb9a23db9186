import { maxTarget } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { mining } from "@lode/protocol";
import { type ScriptedMiner, ScriptedPool } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";
import type { MiningServerSettings } from "../settings.ts";

const extended = mining.OpenExtendedMiningChannel;
const MINUTE = 60_000;
/** Every hash is a share, and no target ever changes. */
const calm = { ...defaultChannelSettings, easiestTarget: maxTarget, sharesPerMinute: 1e-30 };

/** A pool whose miners come from the subnets the test names; null has no cap of its own. */
function setting(settings: Partial<MiningServerSettings>) {
  let subnet: string | null = "";
  const pool = new ScriptedPool({
    settings: { channel: calm, ...settings },
    deps: { subnetOf: () => subnet },
  });
  const connect = (from: string | null): ScriptedMiner => {
    subnet = from;
    return pool.connect().setUp();
  };
  /** Opens channels until it is refused, or has so many. @returns how many it opened */
  const fill = (miner: ScriptedMiner, atMost = Number.POSITIVE_INFINITY): number => {
    for (let opened = 0; opened < atMost; opened++) {
      miner.send(extended, { ...request, requestId: opened });
      pool.clock.settle();
      if (!miner.takeNames().includes("OpenExtendedMiningChannelSuccess")) return opened;
    }
    return atMost;
  };
  /** Hands in a share for each of these channels. */
  const work = (miner: ScriptedMiner, channelIds: readonly number[]) => {
    pool.jobs.next();
    pool.clock.settle();
    const jobs = miner
      .takeAll()
      .flatMap(({ name, fields }) => (name === "NewExtendedMiningJob" ? [fields] : []));
    for (const channelId of channelIds)
      miner.submitExtended(channelId, { channelId, jobId: jobs.at(-1)!.jobId });
    pool.acknowledge();
    miner.takeNames();
  };
  return { pool, connect, fill, work, idle: () => pool.gauge("lode_channels_idle") };
}
const request = {
  userIdentity: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
  nominalHashRate: 0,
  maxTarget: new Uint8Array(32).fill(0xff),
  minExtranonceSize: 8,
};
const idsUpTo = (channels: number) => Array.from({ length: channels }, (_, index) => index + 2);

describe("room for channels", () => {
  it("runs out for a subnet without work when half of it is idle, not for others", () => {
    const { connect, fill } = setting({ maxChannels: 200 });
    const greedy = connect("greedy");
    expect(fill(greedy)).toBe(100);
    for (const subnet of ["a", "b", "c"]) expect(fill(connect(subnet))).toBe(16);
    expect(fill(connect("d"), 3)).toBe(3);
  });

  it("is there for the first channel of a hoarder's neighbour", () => {
    const { connect, fill, work } = setting({ maxChannels: 200 });
    fill(connect("nat"));
    const neighbour = connect("nat");
    expect([fill(neighbour), fill(connect("nat"))]).toEqual([1, 1]);
    work(neighbour, [2]);
    expect(fill(neighbour)).toBe(0);
  });

  it("does not come from closing and opening again", () => {
    const { pool, connect, fill } = setting({ maxChannels: 200 });
    const greedy = connect("greedy");
    fill(greedy);
    pool.clock.advance(30 * MINUTE);
    for (const channelId of idsUpTo(100)) {
      greedy.send(mining.CloseChannel, { channelId, reasonCode: "" });
      fill(greedy, 2);
    }
    expect(pool.server.stats().channels).toBe(100);
    expect(fill(connect("new"), 10)).toBe(10);
  });

  it("grows with the channels that earn, and shrinks when they have not for an hour", () => {
    const { pool, connect, fill, work, idle } = setting({ maxChannels: 400 });
    fill(connect("greedy"));
    const farm = connect("farm");
    expect([fill(farm), idle()]).toEqual([16, 216]);
    work(farm, idsUpTo(16));
    expect([fill(farm), idle()]).toEqual([32, 232]);
    work(farm, idsUpTo(48));
    expect(idle()).toBe(200);
    // Shares on one channel are work on one channel.
    const one = connect("one");
    fill(one);
    for (let share = 0; share < 20; share++) work(one, [2]);
    expect([fill(one), fill(farm)]).toEqual([2, 64]);
    pool.clock.advance(61 * MINUTE);
    expect(idle()).toBe(pool.server.stats().channels);
    expect(fill(farm)).toBe(0);
  });

  it("is what workers leave", () => {
    const { connect, fill, work } = setting({ maxChannels: 400 });
    const farm = connect("farm");
    fill(farm, 200);
    work(farm, idsUpTo(200));
    expect(fill(connect("greedy"))).toBe(100);
    expect([fill(connect("small")), fill(farm)]).toEqual([16, 84]);
  });

  it("is not divided for subnets without a cap of their own, which may use all of it", () => {
    const { connect, fill } = setting({ maxChannels: 200, maxChannelsPerSubnet: 150 });
    expect(fill(connect(null))).toBe(200);
  });

  it("is divided in the same way in a subnet, by connection", () => {
    const { connect, fill } = setting({ maxChannelsPerSubnet: 100 });
    const greedy = connect("nat");
    expect([fill(greedy), fill(connect("nat")), fill(connect("nat"), 5)]).toEqual([50, 16, 5]);
    expect(fill(connect("elsewhere"), 30)).toBe(30);
  });

  it("is the same again when everybody has gone", () => {
    const { pool, connect, fill, work, idle } = setting({ maxChannels: 200 });
    for (let round = 0; round < 3; round++) {
      const greedy = connect("greedy");
      expect(fill(greedy)).toBe(100);
      work(greedy, idsUpTo(60));
      pool.server.closeAll("draining");
      pool.clock.settle();
      expect([pool.server.stats().channels, idle()]).toEqual([0, 0]);
    }
  });
});
