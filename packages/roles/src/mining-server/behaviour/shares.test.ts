import { DIFF1_WORK, maxTarget } from "@lode/bitcoin";
import { type AcceptedShare, defaultChannelSettings } from "@lode/mining";
import { mining } from "@lode/protocol";
import { ScriptedPool, type ScriptedPoolOptions } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";

/** Every hash is a share, whatever rate is claimed, and nothing is ever surprising. */
const calm = { ...defaultChannelSettings, easiestTarget: maxTarget, sharesPerMinute: 1e-30 };

/** A pool with a miner that has an extended channel 2 (job 1) and a standard channel 3 (job 2). */
function connect(options: ScriptedPoolOptions = {}) {
  const pool = new ScriptedPool({ ...options, settings: { channel: calm, ...options.settings } });
  const miner = pool.connect().setUp();
  miner.openExtended({ nominalHashRate: 0 });
  miner.takeNames();
  miner.openStandard({ nominalHashRate: 0 });
  miner.takeNames();
  return { pool, miner };
}

const VERSION = 0x2000_0000;

describe("an accepted share", () => {
  it("is recorded at once and answered only when it is durable", () => {
    const { pool, miner } = connect();
    miner.submitExtended(41);
    pool.clock.advance(3_000);
    expect(miner.takeNames()).toEqual([]);
    expect(pool.shares).toHaveLength(1);
    expect(pool.shares[0]).toMatchObject({
      connectionId: expect.any(Number),
      channelId: 2,
      sequenceNumber: 41,
      blockHash: null,
      work: 1n,
      receivedAt: pool.clock.now() - 3_000,
      identity: { address: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", worker: "rig" },
    });
    pool.acknowledge();
    expect(miner.take("SubmitSharesSuccess")).toEqual({
      channelId: 2,
      lastSequenceNumber: 41,
      newSubmitsAcceptedCount: 1,
      // Work of one hash: difficulty 2^-32.
      newSharesSum: 0n,
    });
    expect(miner.takeNames()).toEqual([]);
  });

  it("is answered together with its channel's others of the same commit, one answer a channel", () => {
    const { pool, miner } = connect();
    for (let i = 0; i < 10; i++) {
      miner.submitExtended(i);
      if (i < 4) miner.submitStandard(i);
    }
    pool.acknowledge();
    expect(miner.take("SubmitSharesSuccess")).toMatchObject({
      channelId: 2,
      lastSequenceNumber: 9,
      newSubmitsAcceptedCount: 10,
    });
    expect(miner.take("SubmitSharesSuccess")).toMatchObject({
      channelId: 3,
      lastSequenceNumber: 3,
      newSubmitsAcceptedCount: 4,
    });
    expect(miner.takeNames()).toEqual([]);
    pool.acknowledge();
    expect(miner.takeNames()).toEqual([]);
  });

  it("is counted exactly once over any cut into commits, and sums lose nothing", () => {
    // No hash of this work can be found here, so the shares are made worth it: a little less than difficulty 4.
    const work = 1n << 34n;
    const { pool, miner } = connect();
    let count = 0;
    let sum = 0n;
    for (let commit = 0, sequence = 0; commit < 20; commit++) {
      for (let i = 0; i <= commit % 7; i++) miner.submitExtended(sequence++);
      pool.clock.settle();
      const shares = pool.shares.splice(0).map((share): AcceptedShare => ({ ...share, work }));
      pool.server.acknowledge(shares);
      const answer = miner.take("SubmitSharesSuccess");
      expect(answer).toMatchObject({
        lastSequenceNumber: sequence - 1,
        newSubmitsAcceptedCount: (commit % 7) + 1,
      });
      count += answer.newSubmitsAcceptedCount;
      sum += answer.newSharesSum;
      expect(sum).toBe((BigInt(count) * work) / DIFF1_WORK);
    }
    expect(pool.server.stats()).toMatchObject({ accepted: count, rejected: 0 });
  });

  it("of one miner never answers another's", () => {
    const { pool, miner } = connect();
    const other = pool.connect().setUp();
    other.openExtended({ nominalHashRate: 0 });
    const { jobId } = other.take("NewExtendedMiningJob");
    other.takeNames();
    other.submitExtended(5, { jobId });
    miner.submitExtended(9);
    pool.acknowledge();
    expect(miner.takeAll().map(({ fields }) => fields)).toMatchObject([
      { channelId: 2, lastSequenceNumber: 9 },
    ]);
    expect(other.takeAll().map(({ fields }) => fields)).toMatchObject([
      { channelId: 2, lastSequenceNumber: 5 },
    ]);
  });

  it("may roll the version within BIP323 on either kind of channel", () => {
    const { pool, miner } = connect();
    miner.submitExtended(1, { version: VERSION ^ 0x1fff_ffe0 });
    miner.submitStandard(1, { version: VERSION ^ 0x1fff_ffe0 });
    pool.clock.settle();
    expect(pool.shares.map(({ channelId }) => channelId)).toEqual([2, 3]);
  });

  it("keeps its job's target and is accepted after a newer job of the same tip", () => {
    const { pool, miner } = connect();
    pool.jobs.next();
    miner.takeNames();
    miner.submitExtended(1);
    pool.acknowledge();
    expect(miner.takeNames()).toEqual(["SubmitSharesSuccess"]);
  });

  it("whose channel or connection is gone is not answered, its credit stays", () => {
    const { pool, miner } = connect();
    const other = pool.connect().setUp();
    other.openExtended({ nominalHashRate: 0 });
    const { jobId } = other.take("NewExtendedMiningJob");
    other.takeNames();
    other.submitExtended(1, { jobId });
    miner.submitExtended(1);
    miner.submitStandard(1);
    miner.send(mining.CloseChannel, { channelId: 2, reasonCode: "" });
    pool.clock.settle();
    other.connection.close("gone");
    pool.clock.settle();
    expect(pool.shares).toHaveLength(3);
    pool.acknowledge();
    expect(miner.takeAll().map(({ fields }) => fields)).toMatchObject([
      { channelId: 3, newSubmitsAcceptedCount: 1 },
    ]);
    expect([other.takeNames(), pool.complaints]).toEqual([[], []]);
  });

  it("counts for the estimated hash rate with the work of its target", () => {
    const { pool, miner } = connect();
    for (let i = 0; i < 120; i++) {
      miner.submitExtended(i);
      pool.clock.advance(1_000);
    }
    expect(pool.server.stats()).toMatchObject({ accepted: 120, rejected: 0, hashrate: 1 });
    expect(pool.gauge("lode_hashrate")).toBe(1);
    expect(pool.count("lode_shares_accepted_total")).toBe(120);
  });
});
