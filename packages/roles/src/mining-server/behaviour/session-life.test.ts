import { maxTarget, targetToBytes } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { MiningFlags, mining } from "@lode/protocol";
import { type ScriptedMiner, ScriptedPool, type ScriptedPoolOptions } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";

const calm = { ...defaultChannelSettings, easiestTarget: maxTarget, sharesPerMinute: 1e-30 };

function connect({ settings, ...options }: ScriptedPoolOptions = {}, flags = 0) {
  const pool = new ScriptedPool({ ...options, settings: { channel: calm, ...settings } });
  return { pool, miner: pool.connect().setUp(flags) };
}

function openExtended(miner: ScriptedMiner): { channelId: number; jobId: number } {
  const { channelId } = miner.openExtended({ nominalHashRate: 0 });
  const { jobId } = miner.take("NewExtendedMiningJob");
  miner.take("SetNewPrevHash");
  return { channelId, jobId };
}

describe("UpdateChannel", () => {
  const update = (miner: ScriptedMiner, fields: Partial<mining.UpdateChannel>) =>
    miner.send(mining.UpdateChannel, {
      channelId: 2,
      nominalHashRate: 0,
      maximumTarget: targetToBytes(maxTarget),
      ...fields,
    });

  it.each([
    ["an unknown channel", { channelId: 9 }, "invalid-channel-id"],
    ["the group channel", { channelId: 1 }, "invalid-channel-id"],
    ["a rate that is no number", { nominalHashRate: Number.NaN }, "invalid-nominal-hashrate"],
    ["a negative rate", { nominalHashRate: -1 }, "invalid-nominal-hashrate"],
    ["a maximum target of 0", { maximumTarget: new Uint8Array(32) }, "max-target-out-of-range"],
  ])("of %s gets an Error, and nothing else happens", (_what, fields, errorCode) => {
    const { miner } = connect();
    openExtended(miner);
    update(miner, fields);
    const channelId = "channelId" in fields ? fields.channelId : 2;
    expect(miner.take("UpdateChannelError")).toEqual({ channelId, errorCode });
    expect([miner.takeNames(), miner.closed]).toEqual([[], null]);
  });

  it("without any news is not answered", () => {
    const { pool, miner } = connect();
    openExtended(miner);
    pool.clock.advance(2_000);
    update(miner, {});
    expect(miner.takeNames()).toEqual([]);
  });

  it("with a smaller maximum target is honoured with SetTarget and a job", () => {
    const { pool, miner } = connect();
    openExtended(miner);
    pool.clock.advance(2_000);
    const maximumTarget = targetToBytes(1n << 230n);
    update(miner, { maximumTarget });
    expect(miner.take("SetTarget")).toEqual({ channelId: 2, maximumTarget });
    expect(miner.takeNames()).toEqual(["NewExtendedMiningJob"]);
  });
});

describe("CloseChannel", () => {
  it("ends one channel: no more jobs for it, the others go on", () => {
    const { pool, miner } = connect();
    openExtended(miner);
    openExtended(miner);
    miner.send(mining.CloseChannel, { channelId: 2, reasonCode: "miner left" });
    pool.clock.settle();
    pool.jobs.nextTip();
    expect(miner.takeAll().map(({ fields }) => fields)).toMatchObject([{ channelId: 3 }, { channelId: 3 }]);
    expect(pool.jobs.extranonces.allocated).toBe(1);
  });

  it("of the group ends all channels of the connection", () => {
    const { pool, miner } = connect();
    openExtended(miner);
    openExtended(miner);
    miner.send(mining.CloseChannel, { channelId: 1, reasonCode: "" });
    pool.clock.settle();
    expect(pool.server.stats()).toMatchObject({ connections: 1, channels: 0 });
  });

  it("of an unknown channel, or twice, changes nothing", () => {
    const { pool, miner } = connect();
    openExtended(miner);
    for (const channelId of [9, 3, 0]) miner.send(mining.CloseChannel, { channelId, reasonCode: "" });
    expect([miner.takeNames(), miner.closed, pool.server.stats().channels]).toEqual([[], null, 1]);
  });
});

describe("a connection", () => {
  it("may take ten minutes for its first channel and no longer", () => {
    const { pool, miner } = connect();
    pool.clock.advance(599_999);
    expect(miner.closed).toBeNull();
    pool.clock.advance(1);
    expect(miner.closed).toBe("peer-closed");
    expect(pool.clock.pendingTimers).toBe(1);
  });

  it("is in time when what it sent was received and only waits to be read", () => {
    const pool = new ScriptedPool();
    const { server, client } = pool.wire();
    const miner = pool.script(client);
    /** It is there, and is delivered when somebody wants it. */
    const holds = (send: () => void) => {
      server.readReceived = () => {
        server.readReceived = () => {};
        send();
        pool.clock.settle();
      };
    };
    holds(() => miner.setUp());
    pool.clock.advance(10_000);
    holds(() => openExtended(miner));
    pool.clock.advance(600_000);
    expect([pool.server.stats().channels, miner.closed]).toEqual([1, null]);
  });

  it("with a channel may be silent for ever", () => {
    const { pool, miner } = connect();
    openExtended(miner);
    pool.clock.advance(3_600_000);
    expect(miner.closed).toBeNull();
  });

  it("whose request for a channel waits for its turn is not idle", () => {
    const pool = new ScriptedPool({ settings: { openings: { burst: 1, perSecond: 1 / 900 } } });
    const miner = pool.connect().setUp();
    openExtended(miner);
    miner.send(mining.CloseChannel, { channelId: 2, reasonCode: "" });
    pool.clock.advance(100_000);
    miner.send(mining.OpenExtendedMiningChannel, {
      requestId: 2,
      userIdentity: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
      nominalHashRate: 0,
      maxTarget: targetToBytes(maxTarget),
      minExtranonceSize: 4,
    });
    pool.clock.advance(700_000);
    expect([miner.takeNames(), miner.closed]).toEqual([[], null]);
    pool.clock.advance(110_000);
    expect(miner.takeNames()[0]).toBe("OpenExtendedMiningChannelSuccess");
    miner.send(mining.CloseChannel, { channelId: 3, reasonCode: "" });
    pool.clock.advance(600_001);
    expect(miner.closed).toBe("peer-closed");
  });

  it("that closed its last channel has ten minutes again", () => {
    const { pool, miner } = connect();
    openExtended(miner);
    pool.clock.advance(700_000);
    miner.takeNames();
    miner.send(mining.CloseChannel, { channelId: 2, reasonCode: "" });
    pool.clock.advance(599_000);
    expect(miner.closed).toBeNull();
    pool.clock.advance(1_500);
    expect(miner.closed).toBe("peer-closed");
  });

  it("that goes away leaves nothing behind", () => {
    const { pool, miner } = connect();
    openExtended(miner);
    miner.openStandard();
    const { allocated } = pool.jobs.extranonces;
    miner.connection.destroy("gone");
    pool.clock.settle();
    pool.jobs.next();
    expect([allocated, pool.jobs.extranonces.allocated]).toEqual([2, 0]);
    expect(pool.server.stats()).toMatchObject({ connections: 0, channels: 0, standardChannels: 0 });
    expect(pool.clock.pendingTimers).toBe(1);
  });

  it.each([0, MiningFlags.requiresWorkSelection])(
    "that declares a custom job is told that there is no job declaration (flags %i)",
    (flags) => {
      const { miner } = connect({}, flags);
      miner.openExtended();
      miner.takeNames();
      miner.send(mining.SetCustomMiningJob, customJob);
      const answer = { channelId: 2, requestId: 8, errorCode: "jd-not-supported" };
      expect(miner.take("SetCustomMiningJobError")).toEqual(answer);
      expect(miner.closed).toBeNull();
    },
  );

  it("may send bytes behind a message, which are ignored unless an extension was negotiated", () => {
    const { pool, miner } = connect();
    const { channelId, jobId } = openExtended(miner);
    const fields = { channelId, jobId, sequenceNumber: 1, nonce: 1, version: 0x2000_0000 };
    const ntime = Math.floor(pool.clock.now() / 1000);
    const tlvs = Uint8Array.of(2, 0, 1, 1, 0, 0x41);
    miner.send(mining.SubmitSharesExtended, { ...fields, ntime, extranonce: new Uint8Array(16) }, tlvs);
    pool.acknowledge();
    expect(miner.takeNames()).toEqual(["SubmitSharesSuccess"]);
  });
});

describe("the server", () => {
  it("tells what it holds", () => {
    const { pool, miner } = connect();
    openExtended(miner);
    pool.connect().setUp().openStandard();
    pool.connect();
    const expected = { connections: 2, channels: 2, standardChannels: 1, extendedChannels: 1 };
    expect(pool.server.stats()).toEqual({ ...expected, accepted: 0, rejected: 0, hashrate: 0 });
    expect(pool.gauge("lode_clients")).toBe(2);
    expect(pool.gauge("lode_channels{channel_type=standard}")).toBe(1);
    expect(pool.gauge("lode_channels{channel_type=extended}")).toBe(1);
  });

  it("closes all connections when told to, and goes on accepting", async () => {
    const { pool, miner } = connect();
    const raw = pool.connect();
    const closed = pool.server.closeAll("no-template");
    const later = pool.connect().setUp();
    pool.clock.settle();
    await closed;
    expect([miner.closed, raw.closed, later.closed]).toEqual(["peer-closed", "peer-closed", null]);
  });

  it.each(["no-template", "shares-not-recorded", "shutting-down"] as const)(
    "counts the ends of an outage by name: %s",
    async (reason) => {
      const { pool, miner } = connect();
      openExtended(miner);
      pool.connect();
      const closed = pool.server.closeAll(reason);
      pool.clock.settle();
      await closed;
      expect(miner.take("CloseChannel").reasonCode).toBe(reason);
      const [named, other] = [reason, "other"].map((label) =>
        pool.count(`lode_mining_connections_closed_total{reason=${label}}`),
      );
      expect([named, other]).toEqual([2, 0]);
    },
  );

  it("that closes all connections in the middle of a share reads what stands behind it: it may be a block", () => {
    const record = () => void pool.server.closeAll("shares-not-recorded");
    const pool = new ScriptedPool({ deps: { sink: { record } } });
    const miner = pool.connect().setUp();
    const place = openExtended(miner);
    pool.jobs.on({ ...pool.jobs.tip, target: (1n << 256n) - 1n });
    const { jobId } = miner.take("NewExtendedMiningJob");
    miner.submitExtended(1, place);
    miner.submitExtended(2, { ...place, jobId });
    pool.clock.settle();
    expect([pool.blocks.length, miner.closed]).toEqual([1, "peer-closed"]);
  });
});

const customJob: mining.SetCustomMiningJob = {
  channelId: 2,
  requestId: 8,
  miningJobToken: Uint8Array.of(1),
  version: 0x2000_0000,
  prevHash: new Uint8Array(32),
  minNtime: 0,
  nbits: 0x1703_4219,
  coinbaseTxVersion: 2,
  coinbasePrefix: Uint8Array.of(3, 1, 2, 3),
  coinbaseTxInputNSequence: 0xffff_fffe,
  coinbaseTxOutputs: Uint8Array.of(0),
  coinbaseTxLocktime: 0,
  merklePath: [],
};
