import { extensionsNegotiation, mining } from "@lode/protocol";
import { type ScriptedMiner, ScriptedPool } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";
import { GROUP_CHANNEL_ID, type MiningServerSettings } from "../settings.ts";

/** A miner with one channel whose every hash is a share. */
function connect(settings: Partial<MiningServerSettings>) {
  const pool = new ScriptedPool({ settings });
  const miner = pool.connect().setUp();
  miner.openExtended({ nominalHashRate: 0 });
  miner.takeNames();
  return { pool, miner };
}

const strict = { invalidShares: { burst: 5, perSecond: 1 }, invalidSharesPerChannel: 0 };

describe("a peer whose shares are refused", () => {
  it("is closed when its budget is used up, every refusal answered and the reason told", () => {
    const { pool, miner } = connect(strict);
    for (let i = 0; i < 6; i++) miner.submitExtended(i, { jobId: 99 });
    const names = miner.takeAll();
    expect(names.map(({ name }) => name)).toEqual([
      ...new Array<string>(6).fill("SubmitSharesError"),
      "CloseChannel",
    ]);
    expect(names.at(-1)!.fields).toEqual({ channelId: 2, reasonCode: "too-many-invalid-shares" });
    expect(miner.closed).toBe("peer-closed");
    expect(pool.count("lode_mining_connections_closed_total{reason=too-many-invalid-shares}")).toBe(1);
  });

  it("gets its budget back with time", () => {
    const { pool, miner } = connect(strict);
    for (let i = 0; i < 60; i++) {
      miner.submitExtended(i, { jobId: 99 });
      pool.clock.advance(1_000);
    }
    expect(miner.closed).toBeNull();
  });

  it("gets one back for every share that is accepted", () => {
    const { miner } = connect(strict);
    for (let i = 0; i < 100; i++) miner.submitExtended(i, { jobId: 99 }).submitExtended(1_000 + i);
    miner.takeNames();
    expect(miner.closed).toBeNull();
  });

  it("may send more of them with every channel it has", () => {
    const { miner } = connect({ ...strict, invalidSharesPerChannel: 10 });
    miner.openExtended();
    for (let i = 0; i < 25; i++) miner.submitExtended(i, { jobId: 99 });
    miner.takeNames();
    expect(miner.closed).toBeNull();
    miner.submitExtended(25, { jobId: 99 });
    miner.takeNames();
    expect(miner.closed).toBe("peer-closed");
  });

  it("has shares for channels that never were counted as well, and those for closed ones", () => {
    const { miner } = connect(strict);
    miner.openExtended();
    miner.send(mining.CloseChannel, { channelId: 3, reasonCode: "" });
    for (let i = 0; i < 3; i++)
      miner.submitExtended(i, { channelId: 77 }).submitExtended(i, { channelId: 3 });
    miner.takeNames();
    expect(miner.closed).toBe("peer-closed");
  });

  it("still has a block among them submitted", () => {
    const { pool, miner } = connect(strict);
    pool.jobs.on({ ...pool.jobs.tip, target: (1n << 256n) - 1n });
    const { jobId } = miner.take("NewExtendedMiningJob");
    const version = 0x3000_0001;
    for (let i = 0; i < 6; i++) miner.submitExtended(i, { jobId, version });
    miner.takeNames();
    expect(miner.closed).toBe("peer-closed");
    expect(pool.blocks).toHaveLength(6);
  });
});

describe("a peer whose messages make no sense", () => {
  const settings = { invalidMessages: { burst: 3, perSecond: 0 } };
  const unknown = { extensionType: 0x4001, channelMsg: false, msgType: 1 };
  const valid = { channelId: 2, nominalHashRate: 0, maximumTarget: new Uint8Array(32).fill(0xff) };
  const update = { channelId: 99, nominalHashRate: 0, maximumTarget: new Uint8Array(32) };

  it.each([
    [
      "updates channels that are not there",
      (miner: ScriptedMiner) => miner.send(mining.UpdateChannel, update),
    ],
    [
      "closes channels that never were",
      (miner: ScriptedMiner) => miner.send(mining.CloseChannel, { channelId: 99, reasonCode: "" }),
    ],
    [
      "asks for channels that are refused",
      (miner: ScriptedMiner) =>
        void miner.openRefused(mining.OpenStandardMiningChannel, { userIdentity: "?" }),
    ],
  ])("is closed when it %s too often", (_what, act) => {
    const { pool, miner } = connect(settings);
    for (let i = 0; i < 3; i++) act(miner);
    miner.takeNames();
    expect(miner.closed).toBeNull();
    act(miner);
    miner.takeNames();
    expect(miner.closed).toBe("peer-closed");
    expect(pool.count("lode_mining_connections_closed_total{reason=too-many-invalid-messages}")).toBe(1);
  });

  it("is not closed for messages of unknown types and extensions, which are to be ignored (SV2 3.4.1)", () => {
    const { miner } = connect(settings);
    for (let i = 0; i < 50; i++) miner.sendFrame({ ...unknown, msgType: i }, new Uint8Array(3));
    miner.takeNames();
    expect(miner.closed).toBeNull();
  });

  it("is closed when it sends nothing but those, or UpdateChannel, on and on", () => {
    const few = { burst: 20, perSecond: 1 };
    for (const [setting, act] of [
      ["unknownMessages", (miner: ScriptedMiner) => miner.sendFrame(unknown, new Uint8Array(0))],
      ["updates", (miner: ScriptedMiner) => miner.send(mining.UpdateChannel, valid)],
    ] as const) {
      const { pool, miner } = connect({ [setting]: few });
      for (let i = 0; i < 20; i++) act(miner);
      pool.clock.advance(1_000);
      act(miner);
      miner.takeNames();
      expect([setting, miner.closed]).toEqual([setting, null]);
      // One more a second for the channel.
      if (setting === "updates") act(miner);
      act(miner);
      miner.takeNames();
      expect([setting, miner.closed]).toEqual([setting, "peer-closed"]);
    }
  });

  it("is closed when it negotiates extensions without end", () => {
    const { pool } = connect(settings);
    const miner = pool.connect().setUp();
    for (let i = 0; i < 11; i++)
      miner.send(extensionsNegotiation.RequestExtensions, { requestId: i, requestedExtensions: [9] });
    expect(miner.takeNames()).toEqual(new Array<string>(10).fill("RequestExtensionsError"));
    expect(miner.closed).toBe("peer-closed");
  });
});

describe("a peer that opens channels faster than it may", () => {
  const openings = { burst: 10, perSecond: 2 };

  it("waits for them, and gets them all", () => {
    const { pool, miner } = connect({ openings });
    for (let i = 0; i < 29; i++) miner.send(mining.OpenStandardMiningChannel, opening);
    pool.clock.settle();
    expect(pool.server.stats().channels).toBe(10);
    pool.clock.advance(5_000);
    expect(pool.server.stats().channels - 20).toBeGreaterThanOrEqual(-1);
    expect(pool.server.stats().channels - 20).toBeLessThanOrEqual(0);
    pool.clock.advance(6_000);
    expect([pool.server.stats().channels, miner.closed]).toEqual([30, null]);
  });

  it("waits as well when it closes them again, and nothing of them is left", () => {
    const { pool, miner } = connect({ openings });
    for (let id = 3; id < 60; id++) {
      miner.send(mining.OpenStandardMiningChannel, opening);
      miner.send(mining.CloseChannel, { channelId: id, reasonCode: "" });
    }
    pool.clock.advance(60_000);
    miner.send(mining.CloseChannel, { channelId: GROUP_CHANNEL_ID, reasonCode: "" });
    pool.clock.settle();
    pool.jobs.next();
    expect([pool.server.stats().channels, pool.jobs.extranonces.allocated]).toEqual([0, 0]);
  });

  it("is closed when it asks on and on for more than a connection may have", () => {
    const { pool, miner } = connect({ openings, maxChannelsPerConnection: 5 });
    for (let i = 0; i < 14; i++) miner.send(mining.OpenStandardMiningChannel, opening);
    pool.clock.settle();
    expect([pool.server.stats().channels, miner.closed]).toEqual([5, null]);
    miner.send(mining.OpenStandardMiningChannel, opening);
    pool.clock.settle();
    expect(miner.closed).toBe("peer-closed");
    expect(pool.count("lode_mining_connections_closed_total{reason=too-many-openings}")).toBe(1);
  });
});

const opening: mining.OpenStandardMiningChannel = {
  requestId: 1,
  userIdentity: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
  nominalHashRate: 0,
  maxTarget: new Uint8Array(32).fill(0xff),
};
