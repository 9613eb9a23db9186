import { maxTarget } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { mining } from "@lode/protocol";
import { type ScriptedMiner, ScriptedPool } from "@lode/testing";
import { describe, expect, it } from "vitest";
import type { MiningServerSettings } from "./settings.ts";

const extended = mining.OpenExtendedMiningChannel;
const MINUTE = 60_000;
/** Every hash is a share, and no target ever changes. */
const calm = { ...defaultChannelSettings, easiestTarget: maxTarget, sharesPerMinute: 1e-30 };

/** A pool whose miners come from the address blocks the test names; null has no cap of its own. */
function setting(settings: Partial<MiningServerSettings>) {
  let block: string | null = "";
  const pool = new ScriptedPool({ settings: { channel: calm, ...settings }, deps: { blockOf: () => block } });
  const connect = (from: string | null): ScriptedMiner => {
    block = from;
    return pool.connect().setUp();
  };
  /** A miner with so many channels, from id 2 on. */
  const hoard = (from: string | null, channels: number): ScriptedMiner => {
    const miner = connect(from);
    for (let opened = 0; opened < channels; opened++) {
      miner.openExtended({ nominalHashRate: 0 });
      if (opened + 1 < channels) miner.takeNames();
    }
    return miner;
  };
  const displaced = () => pool.count("lode_channels_displaced_total");
  return { pool, connect, hoard, displaced };
}

/** Ids of the channels that the pool has closed. */
function closedChannels(miner: ScriptedMiner): number[] {
  return miner.takeAll().flatMap((message) => {
    if (message.name !== "CloseChannel") return [];
    expect(message.fields.reasonCode).toBe("displaced");
    return [message.fields.channelId];
  });
}

/** Hands in a share of the newest job that has come, for each of these channels. */
function work(pool: ScriptedPool, miner: ScriptedMiner, channelIds: readonly number[]): void {
  const jobs = miner
    .takeAll()
    .flatMap(({ name, fields }) => (name === "NewExtendedMiningJob" ? [fields] : []));
  const { jobId } = jobs.at(-1)!;
  for (const channelId of channelIds) miner.submitExtended(channelId, { channelId, jobId });
  pool.clock.settle();
}

describe("where channels are full", () => {
  it("an idle channel of the block that holds the most makes room for a newcomer", () => {
    const { pool, connect, hoard, displaced } = setting({ maxChannels: 5 });
    const modest = hoard("modest", 2);
    const greedy = hoard("greedy", 3);
    pool.clock.advance(3 * MINUTE);
    [modest, greedy].map((miner) => miner.takeNames());
    const newcomer = connect("new");
    expect(newcomer.openExtended().channelId).toBe(2);
    expect([greedy, modest].map((miner) => closedChannels(miner).length)).toEqual([1, 0]);
    expect([pool.server.stats().channels, displaced(), greedy.closed]).toEqual([5, 1, null]);
  });

  it("nobody makes room who has had two minutes to earn something and has", () => {
    const { pool, connect, hoard, displaced } = setting({ maxChannels: 3 });
    const worker = hoard("farm", 3);
    pool.server.publish(pool.jobs.next());
    work(pool, worker, [2, 3, 4]);
    pool.clock.advance(30 * MINUTE);
    expect(connect("new").openRefused(extended)).toBe("channel-capacity-exhausted");
    expect(displaced()).toBe(0);
    // Whoever earned something long ago has no better claim.
    pool.clock.advance(31 * MINUTE);
    expect(connect("new").openExtended().channelId).toBe(2);
    expect(displaced()).toBe(1);
  });

  it("nobody makes room who has come just now", () => {
    const { pool, connect, hoard } = setting({ maxChannels: 3 });
    hoard("farm", 3);
    pool.clock.advance(MINUTE);
    expect(connect("new").openRefused(extended)).toBe("channel-capacity-exhausted");
  });

  it("a channel that has earned since it was last looked at stays", () => {
    const { pool, connect, hoard, displaced } = setting({ maxChannels: 2 });
    const miner = hoard("farm", 2);
    pool.clock.advance(3 * MINUTE);
    expect(pool.gauge("lode_channels_idle")).toBe(2);
    work(pool, miner, [2]);
    connect("new").openExtended();
    expect([closedChannels(miner), displaced()]).toEqual([[3], 1]);
  });

  it("whoever holds as many idle channels himself is refused", () => {
    const { pool, connect, hoard } = setting({ maxChannels: 4 });
    hoard("one", 2);
    hoard("two", 2);
    pool.clock.advance(3 * MINUTE);
    expect(connect("one").openRefused(extended)).toBe("channel-capacity-exhausted");
  });

  it("blocks without a cap of their own never make room, and always get it", () => {
    const { pool, connect, hoard } = setting({ maxChannels: 3 });
    hoard(null, 2);
    const other = hoard("other", 1);
    pool.clock.advance(3 * MINUTE);
    other.takeNames();
    connect(null).openExtended();
    expect(closedChannels(other)).toEqual([2]);
    expect(connect("new").openRefused(extended)).toBe("channel-capacity-exhausted");
  });

  it("in one block, the connection that holds the most makes room", () => {
    const { pool, connect, hoard, displaced } = setting({ maxChannelsPerBlock: 5 });
    const modest = hoard("nat", 2);
    const greedy = hoard("nat", 3);
    const elsewhere = hoard("elsewhere", 4);
    pool.clock.advance(3 * MINUTE);
    [modest, greedy, elsewhere].map((miner) => miner.takeNames());
    connect("nat").openExtended();
    expect([modest, greedy, elsewhere].map((miner) => closedChannels(miner).length)).toEqual([0, 1, 0]);
    expect([pool.server.stats().channels, displaced()]).toEqual([9, 1]);
  });

  it("a channel that made room is closed for good: its shares are not answered, its prefix rests, the others mine on", () => {
    const { pool, connect, hoard } = setting({ maxChannels: 2 });
    const miner = hoard("farm", 2);
    pool.clock.advance(3 * MINUTE);
    connect("new").openExtended();
    work(pool, miner, [2, 3]);
    pool.acknowledge();
    expect(pool.count("sv2_server_shares_rejected_total{error_code=invalid-channel-id}")).toBe(1);
    expect(miner.takeNames()).toEqual(["SubmitSharesSuccess"]);
    expect(miner.closed).toBeNull();
  });
});
