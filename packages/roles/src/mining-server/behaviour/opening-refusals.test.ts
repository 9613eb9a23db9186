import { maxTarget, targetToBytes } from "@lode/bitcoin";
import { ExtranonceAllocator } from "@lode/mining";
import { encodeFrame, HEADER_SIZE, mining } from "@lode/protocol";
import { ScriptedPool, type ScriptedPoolOptions } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";
import { openErrorCodes } from "../session/error-codes.ts";

function connect(options: ScriptedPoolOptions = {}, flags = 0) {
  const pool = new ScriptedPool(options);
  return { pool, miner: pool.connect().setUp(flags) };
}

describe("refusing a channel", () => {
  const standard = mining.OpenStandardMiningChannel;
  const extended = mining.OpenExtendedMiningChannel;

  it.each([
    [
      "extended for REQUIRES_STANDARD_JOBS",
      extended,
      {},
      1,
      "extended-channels-not-supported-for-standard-jobs",
    ],
    [
      "standard for REQUIRES_WORK_SELECTION",
      standard,
      {},
      2,
      "standard-channels-not-supported-for-custom-work",
    ],
    ["more than 16 rollable bytes", extended, { minExtranonceSize: 17 }, 0, "min-extranonce-size-too-large"],
    ["a login of another pool", standard, { userIdentity: "worker1" }, 0, "unknown-user"],
    [
      "an address with a typing error",
      standard,
      { userIdentity: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081" },
      0,
      "invalid-user-identity",
    ],
    [
      "another network's address",
      extended,
      { userIdentity: "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2" },
      0,
      "invalid-user-identity",
    ],
    ["NaN as hash rate", standard, { nominalHashRate: Number.NaN }, 0, "invalid-nominal-hashrate"],
    [
      "an infinite hash rate",
      extended,
      { nominalHashRate: Number.POSITIVE_INFINITY },
      0,
      "invalid-nominal-hashrate",
    ],
    ["a negative hash rate", standard, { nominalHashRate: -1 }, 0, "invalid-nominal-hashrate"],
    ["a maximum target of 0", standard, { maxTarget: new Uint8Array(32) }, 0, "max-target-out-of-range"],
  ] as const)("names the reason: %s", (_what, definition, fields, flags, code) => {
    const { pool, miner } = connect({}, flags);
    expect(miner.openRefused(definition, fields)).toBe(code);
    expect([miner.takeNames(), miner.closed]).toEqual([[], null]);
    expect(pool.count(`lode_channel_openings_refused_total{error_code=${code}}`)).toBe(1);
    expect(pool.server.stats().channels).toBe(0);
    expect(pool.jobs.extranonces.allocated).toBe(0);
  });

  it("has codes that clients can show: printable ASCII of at most 63 characters (SV2 3.5)", () => {
    for (const code of Object.keys(openErrorCodes)) expect(code).toMatch(/^[\x21-\x7e]{1,63}$/);
  });

  it("hands on the code of admission()", () => {
    const { pool, miner } = connect();
    pool.refusal = "share-store-unavailable";
    expect(miner.openRefused(standard)).toBe("share-store-unavailable");
    expect(pool.count("lode_channel_openings_refused_total{error_code=other}")).toBe(1);
    pool.refusal = null;
    expect(miner.openStandard().channelId).toBe(2);
  });

  it("says no-template while there is no job", () => {
    const { pool, miner } = connect({ withoutTemplate: true });
    expect(miner.openRefused(standard)).toBe("no-template");
    pool.jobs.nextTip();
    expect(miner.openStandard().channelId).toBe(2);
  });

  it.each([
    ["a connection's channels", { maxChannelsPerConnection: 2 }],
    ["channels in all", { maxChannels: 2 }],
  ])("keeps to the cap on %s, and a closed one makes room", (_what, settings) => {
    const { pool, miner } = connect({ settings });
    for (let i = 0; i < 2; i++) {
      miner.openStandard();
      miner.takeNames();
    }
    expect(miner.openRefused(extended)).toBe("channel-capacity-exhausted");
    miner.send(mining.CloseChannel, { channelId: 2, reasonCode: "" });
    expect(miner.openExtended().channelId).toBe(4);
    expect(pool.server.stats()).toMatchObject({ channels: 2, standardChannels: 1, extendedChannels: 1 });
  });

  it("refuses when the extranonce space is used up, and never gives a prefix out twice on one job", () => {
    const extranonces = new ExtranonceAllocator({ serverId: 1, capacity: 1 });
    const { pool, miner } = connect({ deps: { extranonces } });
    const first = miner.openExtended();
    const firstJob = miner.take("NewExtendedMiningJob");
    miner.takeNames();
    expect(miner.openRefused(standard)).toBe("channel-capacity-exhausted");
    miner.send(mining.CloseChannel, { channelId: first.channelId, reasonCode: "" });
    const second = miner.openExtended();
    expect(second.extranoncePrefix).toEqual(first.extranoncePrefix);
    const secondJob = miner.take("NewExtendedMiningJob");
    expect(secondJob.coinbaseTxPrefix).not.toEqual(firstJob.coinbaseTxPrefix);
    expect(pool.server.stats().channels).toBe(1);
  });

  it("does not open when identify() fails unexpectedly: that connection alone is closed", () => {
    const identify = () => {
      throw new RangeError("bug");
    };
    const { pool, miner } = connect({ deps: { identify } });
    const other = pool.connect().setUp();
    miner.sendPayload(standard, encodeFrame(standard, openingOf("x")).subarray(HEADER_SIZE));
    pool.clock.settle();
    expect([miner.takeNames(), miner.closed, other.closed]).toEqual([[], "peer-closed", null]);
    expect(pool.count("lode_session_exceptions_total{role=mining-server}")).toBe(1);
  });
});

function openingOf(userIdentity: string): mining.OpenStandardMiningChannel {
  return { requestId: 1, userIdentity, nominalHashRate: 0, maxTarget: targetToBytes(maxTarget) };
}
