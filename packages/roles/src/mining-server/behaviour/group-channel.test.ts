import { bytesToTarget, maxTarget } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { MiningFlags, mining } from "@lode/protocol";
import { type ScriptedMiner, ScriptedPool, type ScriptedPoolOptions } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";
import { GROUP_CHANNEL_ID } from "../settings.ts";

/** A pool and a connection with `kinds.length` channels, ids from 2, openings taken. */
function connect(kinds: ("extended" | "standard")[], options: ScriptedPoolOptions = {}) {
  const pool = new ScriptedPool(options);
  const miner = pool.connect().setUp();
  const channels = kinds.map((kind) => open(miner, kind));
  return { pool, miner, channels };
}

function open(miner: ScriptedMiner, kind: "extended" | "standard", nominalHashRate = 1e12) {
  const opened =
    kind === "extended" ? miner.openExtended({ nominalHashRate }) : miner.openStandard({ nominalHashRate });
  expect(opened.groupChannelId).toBe(GROUP_CHANNEL_ID);
  expect(miner.takeNames()).toEqual([
    kind === "extended" ? "NewExtendedMiningJob" : "NewMiningJob",
    "SetNewPrevHash",
  ]);
  return opened;
}

const everyHash = { nominalHashRate: 0 };

describe("the group of a connection", () => {
  it("gets a new tip as one future job and one SetNewPrevHash, whatever kinds of channels are in it", () => {
    const { pool, miner } = connect(["extended", "standard", "extended"]);
    const job = pool.jobs.nextTip();
    const { prevHash, nbits, headerTimestamp: minNtime } = job.tip;
    const channelId = GROUP_CHANNEL_ID;
    const { coinbaseTxPrefix, coinbaseTxSuffix, merklePath } = job;
    expect(miner.take("NewExtendedMiningJob")).toMatchObject({
      channelId,
      jobId: 4,
      minNtime: null,
      coinbaseTxPrefix,
      coinbaseTxSuffix,
      merklePath,
    });
    expect(miner.take("SetNewPrevHash")).toEqual({ channelId, jobId: 4, prevHash, nbits, minNtime });
    expect(miner.takeNames()).toEqual([]);
  });

  it("gets a refresh as one job to mine on at once", () => {
    const { pool, miner } = connect(["extended", "extended"]);
    pool.jobs.next();
    const minNtime = pool.jobs.tip.headerTimestamp;
    expect(miner.take("NewExtendedMiningJob")).toMatchObject({ channelId: GROUP_CHANNEL_ID, minNtime });
    expect(miner.takeNames()).toEqual([]);
  });

  it("begins with the second channel and ends when one is left", () => {
    const { pool, miner } = connect(["extended"]);
    const addressed = () => {
      pool.jobs.nextTip();
      const { channelId } = miner.take("NewExtendedMiningJob");
      expect(miner.take("SetNewPrevHash").channelId).toBe(channelId);
      expect(miner.takeNames()).toEqual([]);
      return channelId;
    };
    expect(addressed()).toBe(2);
    open(miner, "extended");
    expect(addressed()).toBe(GROUP_CHANNEL_ID);
    miner.send(mining.CloseChannel, { channelId: 2, reasonCode: "" }).takeNames();
    expect(addressed()).toBe(3);
  });

  it("is not used where standard jobs are required", () => {
    const pool = new ScriptedPool();
    const miner = pool.connect().setUp(MiningFlags.requiresStandardJobs);
    open(miner, "standard");
    open(miner, "standard");
    pool.jobs.nextTip();
    expect(miner.takeAll().map(({ fields }) => "channelId" in fields && fields.channelId)).toEqual([
      2, 2, 3, 3,
    ]);
  });

  it("takes shares of every member on its jobs, each behind the member's own prefix", () => {
    const { pool, miner } = connect([]);
    miner.openExtended(everyHash);
    miner.takeNames();
    miner.openStandard(everyHash);
    miner.takeNames();
    pool.jobs.nextTip();
    const { jobId } = miner.take("NewExtendedMiningJob");
    miner.takeNames();
    miner.submitExtended(1, { channelId: 2, jobId }).submitStandard(1, { channelId: 3, jobId });
    pool.acknowledge();
    expect(miner.take("SubmitSharesSuccess")).toMatchObject({ channelId: 2, newSubmitsAcceptedCount: 1 });
    expect(miner.take("SubmitSharesSuccess")).toMatchObject({ channelId: 3, newSubmitsAcceptedCount: 1 });
  });

  it("gets each member's new target before the job it counts for", () => {
    const calm = { ...defaultChannelSettings, easiestTarget: maxTarget, sharesPerMinute: 0.001 };
    const { pool, miner } = connect(["extended", "extended"], { settings: { channel: calm } });
    // Easier than either channel's target and harder than a share a second: the most a target may be.
    const network = maxTarget >> 45n;
    pool.jobs.on({ ...pool.jobs.tip, prevHash: new Uint8Array(32).fill(7), target: network });
    for (const channelId of [2, 3]) {
      const { maximumTarget, ...addressed } = miner.take("SetTarget");
      expect(addressed).toEqual({ channelId });
      expect(bytesToTarget(maximumTarget)).toBe(network);
    }
    expect(miner.takeNames()).toEqual(["NewExtendedMiningJob", "SetNewPrevHash"]);
  });

  it("leaves a member's retarget to that member: SetTarget and a job of its own, and nothing for the others", () => {
    const { pool, miner } = connect(["extended", "extended"]);
    const harder = new Uint8Array(32).fill(0xff, 0, 20);
    miner.send(mining.UpdateChannel, { channelId: 3, nominalHashRate: 1e12, maximumTarget: harder });
    const { maximumTarget } = miner.take("SetTarget");
    expect(bytesToTarget(maximumTarget)).toBe(bytesToTarget(harder));
    const minNtime = pool.jobs.tip.headerTimestamp;
    expect(miner.take("NewExtendedMiningJob")).toMatchObject({ channelId: 3, minNtime });
    expect(miner.takeNames()).toEqual([]);
  });

  it("gets a fresh job, once for all, before a minute has passed without one", () => {
    const calm = { ...defaultChannelSettings, sharesPerMinute: 1e-6 };
    const { pool, miner } = connect(["extended", "extended", "extended"], { settings: { channel: calm } });
    pool.clock.advance(60_000);
    const jobs = miner.takeAll();
    expect(jobs.map(({ name }) => name)).toEqual(["NewExtendedMiningJob"]);
    expect(jobs[0]!.fields).toMatchObject({ channelId: GROUP_CHANNEL_ID });
  });

  it("refreshes as often as its standard members need", () => {
    const calm = { ...defaultChannelSettings, sharesPerMinute: 1e-6 };
    const { pool, miner } = connect(["extended", "standard"], { settings: { channel: calm } });
    pool.clock.advance(180_000);
    const jobs = miner.takeAll();
    expect(jobs.length).toBeGreaterThanOrEqual(4);
    for (const { fields } of jobs) expect(fields).toMatchObject({ channelId: GROUP_CHANNEL_ID });
  });

  it("never gives a member the work it has already", () => {
    const calm = { ...defaultChannelSettings, sharesPerMinute: 1e-6 };
    const { pool, miner } = connect(["extended", "extended"], { settings: { channel: calm } });
    pool.clock.advance(30_000);
    const harder = new Uint8Array(32).fill(0xff, 0, 20);
    miner.send(mining.UpdateChannel, { channelId: 3, nominalHashRate: 1e12, maximumTarget: harder });
    miner.take("SetTarget");
    const own = miner.take("NewExtendedMiningJob");
    pool.clock.advance(30_000);
    const groups = miner.take("NewExtendedMiningJob");
    expect([own.channelId, groups.channelId]).toEqual([3, GROUP_CHANNEL_ID]);
    expect(groups.coinbaseTxPrefix).not.toEqual(own.coinbaseTxPrefix);
  });

  it("never gets a job id twice, together with its members' own jobs", () => {
    const { pool, miner } = connect(["extended", "extended"]);
    const ids: number[] = [];
    for (let i = 0; i < 20; i++) {
      i % 3 === 0 ? pool.jobs.nextTip() : pool.jobs.next();
      const harder = new Uint8Array(32).fill(0xff, 0, 25 - (i >> 1));
      miner.send(mining.UpdateChannel, {
        channelId: 2 + (i % 2),
        nominalHashRate: 1e12,
        maximumTarget: harder,
      });
      pool.clock.advance(1_500);
      for (const { name, fields } of miner.takeAll()) {
        if (name === "NewExtendedMiningJob") ids.push(fields.jobId);
      }
    }
    expect(ids.length).toBeGreaterThan(30);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("is closed with all its channels by one CloseChannel, and can be filled again", () => {
    const { pool, miner } = connect(["extended", "extended", "standard"]);
    miner.send(mining.CloseChannel, { channelId: GROUP_CHANNEL_ID, reasonCode: "bye" });
    expect(miner.takeNames()).toEqual([]);
    expect(pool.server.stats().channels).toBe(0);
    pool.jobs.nextTip();
    expect(miner.takeNames()).toEqual([]);
    expect([open(miner, "extended").channelId, open(miner, "extended").channelId]).toEqual([5, 6]);
    pool.jobs.nextTip();
    expect(miner.take("NewExtendedMiningJob").channelId).toBe(GROUP_CHANNEL_ID);
  });

  it("takes no shares and no updates itself", () => {
    const { miner } = connect(["extended", "extended"]);
    miner.submitExtended(1, { channelId: GROUP_CHANNEL_ID });
    expect(miner.take("SubmitSharesError").errorCode).toBe("invalid-channel-id");
    const maximumTarget = new Uint8Array(32).fill(0xff);
    miner.send(mining.UpdateChannel, { channelId: GROUP_CHANNEL_ID, nominalHashRate: 0, maximumTarget });
    expect(miner.take("UpdateChannelError").errorCode).toBe("invalid-channel-id");
  });

  it("pays its members' users separately", () => {
    const { pool, miner } = connect([]);
    const users = [
      "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.a",
      "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry.b",
    ];
    for (const userIdentity of users) {
      miner.openExtended({ ...everyHash, userIdentity });
      miner.takeNames();
    }
    pool.jobs.next();
    const { jobId } = miner.take("NewExtendedMiningJob");
    for (const channelId of [2, 3]) miner.submitExtended(1, { channelId, jobId });
    pool.clock.settle();
    expect(pool.shares.map(({ identity, worker }) => `${identity.address}.${worker}`)).toEqual(users);
  });
});
