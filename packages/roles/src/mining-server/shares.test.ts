import { DIFF1_WORK, maxTarget } from "@lode/bitcoin";
import { type AcceptedShare, defaultChannelSettings } from "@lode/mining";
import { mining } from "@lode/protocol";
import { type ScriptedMiner, ScriptedPool, type ScriptedPoolOptions } from "@lode/testing";
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

const NTIME = Math.floor(new ScriptedPool().clock.now() / 1000);
const VERSION = 0x2000_0000;
const EXTRANONCE = new Uint8Array(16);

function extended(
  miner: ScriptedMiner,
  sequenceNumber: number,
  fields: Partial<mining.SubmitSharesExtended> = {},
) {
  const share = { jobId: 1, nonce: sequenceNumber, ntime: NTIME, version: VERSION, extranonce: EXTRANONCE };
  miner.send(mining.SubmitSharesExtended, { channelId: 2, sequenceNumber, ...share, ...fields });
}

function standard(
  miner: ScriptedMiner,
  sequenceNumber: number,
  fields: Partial<mining.SubmitSharesStandard> = {},
) {
  const share = { jobId: 2, nonce: sequenceNumber, ntime: NTIME, version: VERSION };
  miner.send(mining.SubmitSharesStandard, { channelId: 3, sequenceNumber, ...share, ...fields });
}

describe("an accepted share", () => {
  it("is recorded at once and answered only when it is durable", () => {
    const { pool, miner } = connect();
    extended(miner, 41);
    pool.clock.advance(3_000);
    expect(miner.takeNames()).toEqual([]);
    expect(pool.shares).toHaveLength(1);
    expect(pool.shares[0]).toMatchObject({
      connectionId: expect.any(Number),
      channelId: 2,
      sequenceNumber: 41,
      jobId: 1,
      work: 1n,
      receivedAt: pool.clock.now() - 3_000,
      identity: { address: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", worker: "rig" },
    });
    pool.acknowledge();
    expect(miner.take("SubmitSharesSuccess")).toEqual({
      channelId: 2,
      lastSequenceNumber: 41,
      newSubmitsAcceptedCount: 1,
      newSharesSum: 1n,
    });
    expect(miner.takeNames()).toEqual([]);
  });

  it("is answered together with its channel's others of the same commit, one answer a channel", () => {
    const { pool, miner } = connect();
    for (let i = 0; i < 10; i++) {
      extended(miner, i);
      if (i < 4) standard(miner, i);
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
      for (let i = 0; i <= commit % 7; i++) extended(miner, sequence++);
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
    extended(other, 5, { jobId });
    extended(miner, 9);
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
    extended(miner, 1, { version: VERSION ^ 0x1fff_ffe0 });
    standard(miner, 1, { version: VERSION ^ 0x1fff_ffe0 });
    pool.clock.settle();
    expect(pool.shares.map(({ channelId }) => channelId)).toEqual([2, 3]);
  });

  it("keeps its job's target and is accepted after a newer job of the same tip", () => {
    const { pool, miner } = connect();
    pool.server.publish(pool.jobs.next());
    miner.takeNames();
    extended(miner, 1);
    pool.acknowledge();
    expect(miner.takeNames()).toEqual(["SubmitSharesSuccess"]);
  });

  it("whose channel or connection is gone is not answered, its credit stays", () => {
    const { pool, miner } = connect();
    const other = pool.connect().setUp();
    other.openExtended({ nominalHashRate: 0 });
    const { jobId } = other.take("NewExtendedMiningJob");
    other.takeNames();
    extended(other, 1, { jobId });
    extended(miner, 1);
    standard(miner, 1);
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
      extended(miner, i);
      pool.clock.advance(1_000);
    }
    expect(pool.server.stats()).toMatchObject({ accepted: 120, rejected: 0, hashrate: 1 });
    expect(pool.gauge("sv2_server_hashrate_total")).toBe(1);
    expect(pool.count("sv2_server_shares_accepted_total")).toBe(120);
  });
});

describe("a refused share", () => {
  const cases: [string, string, (miner: ScriptedMiner, pool: ScriptedPool) => void][] = [
    ["for a channel that never was", "invalid-channel-id", (miner) => extended(miner, 1, { channelId: 99 })],
    ["for the group channel", "invalid-channel-id", (miner) => extended(miner, 1, { channelId: 1 })],
    ["for a job that never was", "invalid-job-id", (miner) => extended(miner, 1, { jobId: 77 })],
    ["for another channel's job", "invalid-job-id", (miner) => extended(miner, 1, { jobId: 2 })],
    [
      "with too short an extranonce",
      "bad-extranonce-size",
      (miner) => extended(miner, 1, { extranonce: new Uint8Array(8) }),
    ],
    [
      "of extended form on a standard channel",
      "bad-extranonce-size",
      (miner) => extended(miner, 1, { channelId: 3, jobId: 2 }),
    ],
    [
      "of standard form on an extended channel",
      "bad-extranonce-size",
      (miner) => standard(miner, 1, { channelId: 2, jobId: 1 }),
    ],
    [
      "with a version bit that may not roll",
      "invalid-non-rollable-version-bit",
      (miner) => extended(miner, 1, { version: VERSION | 1 }),
    ],
    ["with an ntime below the job's", "invalid-share", (miner) => extended(miner, 1, { ntime: NTIME - 61 })],
    ["with an ntime too far ahead", "invalid-share", (miner) => extended(miner, 1, { ntime: NTIME + 7_201 })],
    [
      "on a job of the tip before",
      "stale-share",
      (miner, pool) => {
        pool.server.publish(pool.jobs.nextTip());
        miner.takeNames();
        extended(miner, 1);
      },
    ],
  ];

  it.each(cases)("%s gets %s at once, and the connection stays", (_what, errorCode, submit) => {
    const { pool, miner } = connect();
    submit(miner, pool);
    const { sequenceNumber, ...answer } = miner.take("SubmitSharesError");
    expect([sequenceNumber, answer.errorCode]).toEqual([1, errorCode]);
    expect([pool.shares, miner.takeNames(), miner.closed]).toEqual([[], [], null]);
    expect(pool.count(`sv2_server_shares_rejected_total{error_code=${errorCode}}`)).toBe(1);
    expect(pool.server.stats()).toMatchObject({ accepted: 0, rejected: 1 });
  });

  it("for being a duplicate is told so while the first one waits for its answer", () => {
    const { pool, miner } = connect();
    extended(miner, 1, { nonce: 7 });
    extended(miner, 2, { nonce: 7 });
    const fields = { channelId: 2, sequenceNumber: 2, errorCode: "duplicate-share" };
    expect(miner.take("SubmitSharesError")).toEqual(fields);
    pool.acknowledge();
    expect(miner.take("SubmitSharesSuccess")).toMatchObject({
      lastSequenceNumber: 1,
      newSubmitsAcceptedCount: 1,
    });
  });

  it("above its target is told so", () => {
    const { miner } = connect({
      settings: { channel: { ...defaultChannelSettings, easiestTarget: 1n << 200n } },
    });
    extended(miner, 8);
    expect(miner.take("SubmitSharesError").errorCode).toBe("difficulty-too-low");
  });

  it("of a closed channel gets no answer at all", () => {
    const { pool, miner } = connect();
    miner.send(mining.CloseChannel, { channelId: 2, reasonCode: "" });
    extended(miner, 1);
    expect(miner.takeNames()).toEqual([]);
    expect(pool.count("sv2_server_shares_rejected_total{error_code=invalid-channel-id}")).toBe(1);
  });
});

describe("a found block", () => {
  /** On this chain every hash is a block. */
  function onEasyChain(options: ScriptedPoolOptions = {}) {
    const { pool, miner } = connect(options);
    pool.server.publish(pool.jobs.nextTip(maxTarget));
    const { jobId } = miner.take("NewExtendedMiningJob");
    miner.takeNames();
    return { pool, miner, jobId };
  }

  it("is handed over before its share is recorded, with everything a node needs", () => {
    const log: string[] = [];
    const { pool, miner, jobId } = onEasyChain({
      deps: {
        onBlock: (found) => void log.push(`block ${found.header.length} ${found.nonce}`),
        sink: { record: () => void log.push("share") },
      },
    });
    extended(miner, 3, { jobId });
    pool.clock.settle();
    expect(log).toEqual(["block 80 3", "share"]);
    expect(pool.count("sv2_server_blocks_found_total")).toBe(1);
  });

  it("is handed over although its share is refused, stale ones included", () => {
    const { pool, miner, jobId } = onEasyChain();
    pool.server.publish(pool.jobs.nextTip(maxTarget));
    miner.takeNames();
    extended(miner, 3, { jobId });
    expect(miner.take("SubmitSharesError").errorCode).toBe("stale-share");
    expect(pool.blocks).toMatchObject([{ nonce: 3, job: { tip: { target: maxTarget } } }]);
  });

  it("that cannot be handed over is logged, and its share is still answered", () => {
    const onBlock = () => {
      throw new RangeError("disk full");
    };
    const { pool, miner, jobId } = onEasyChain({ deps: { onBlock } });
    extended(miner, 3, { jobId });
    pool.acknowledge();
    expect(miner.takeNames()).toEqual(["SubmitSharesSuccess"]);
    expect(pool.complaints).toEqual(["a found block could not be handed over: RangeError: disk full"]);
  });
});
