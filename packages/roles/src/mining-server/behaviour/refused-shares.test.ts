import { maxTarget } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { mining } from "@lode/protocol";
import { type ScriptedMiner, ScriptedPool, type ScriptedPoolOptions } from "@lode/testing/pool";
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

describe("a refused share", () => {
  const cases: [string, string, (miner: ScriptedMiner, pool: ScriptedPool) => void][] = [
    [
      "for a channel that never was",
      "invalid-channel-id",
      (miner) => miner.submitExtended(1, { channelId: 99 }),
    ],
    ["for the group channel", "invalid-channel-id", (miner) => miner.submitExtended(1, { channelId: 1 })],
    ["for a job that never was", "invalid-job-id", (miner) => miner.submitExtended(1, { jobId: 77 })],
    ["for another channel's job", "invalid-job-id", (miner) => miner.submitExtended(1, { jobId: 2 })],
    [
      "with too short an extranonce",
      "bad-extranonce-size",
      (miner) => miner.submitExtended(1, { extranonce: new Uint8Array(8) }),
    ],
    [
      "of extended form on a standard channel",
      "bad-extranonce-size",
      (miner) => miner.submitExtended(1, { channelId: 3, jobId: 2 }),
    ],
    [
      "of standard form on an extended channel",
      "bad-extranonce-size",
      (miner) => miner.submitStandard(1, { channelId: 2, jobId: 1 }),
    ],
    [
      "with a version bit that may not roll",
      "invalid-non-rollable-version-bit",
      (miner) => miner.submitExtended(1, { version: VERSION | 1 }),
    ],
    [
      "with an ntime below the job's",
      "invalid-share",
      (miner) => miner.submitExtended(1, { ntime: NTIME - 61 }),
    ],
    [
      "with an ntime too far ahead",
      "invalid-share",
      (miner) => miner.submitExtended(1, { ntime: NTIME + 7_201 }),
    ],
    [
      "on a job of the tip before",
      "stale-share",
      (miner, pool) => {
        pool.jobs.nextTip();
        miner.takeNames();
        miner.submitExtended(1);
      },
    ],
  ];

  it.each(cases)("%s gets %s at once, and the connection stays", (_what, errorCode, submit) => {
    const { pool, miner } = connect();
    submit(miner, pool);
    const { sequenceNumber, ...answer } = miner.take("SubmitSharesError");
    expect([sequenceNumber, answer.errorCode]).toEqual([1, errorCode]);
    expect([pool.shares, miner.takeNames(), miner.closed]).toEqual([[], [], null]);
    expect(pool.count(`lode_shares_rejected_total{error_code=${errorCode}}`)).toBe(1);
    expect(pool.server.stats()).toMatchObject({ accepted: 0, rejected: 1 });
  });

  it("for being a duplicate is told so while the first one waits for its answer", () => {
    const { pool, miner } = connect();
    miner.submitExtended(1, { nonce: 7 });
    miner.submitExtended(2, { nonce: 7 });
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
    miner.submitExtended(8);
    expect(miner.take("SubmitSharesError").errorCode).toBe("difficulty-too-low");
  });

  it("of a closed channel gets no answer at all", () => {
    const { pool, miner } = connect();
    miner.send(mining.CloseChannel, { channelId: 2, reasonCode: "" });
    miner.submitExtended(1);
    expect(miner.takeNames()).toEqual([]);
    expect(pool.count("lode_shares_rejected_total{error_code=invalid-channel-id}")).toBe(1);
  });
});
