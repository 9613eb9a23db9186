import { heightFromBip34, maxTarget } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { encodeUserIdentity, extensionsNegotiation, MiningFlags, mining } from "@lode/protocol";
import { GROUP_CHANNEL_ID } from "@lode/roles";
import { type ScriptedMiner, ScriptedPool } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";
import { EASY_NBITS, WholePool } from "./whole-pool.ts";

/**
 * The behaviours that the reference implementation's integration tests ask of a pool (stratum-mining/sv2-apps,
 * integration-tests/tests/: pool_integration.rs, pool_solo_mining.rs, extensions.rs, monitoring_integration.rs, bip54_compliance.rs
 * and the pool's part of translator_integration.rs), asked of Lode. Each test names its model.
 */

const HEIGHT = 900_001;
const TIMESTAMP = 1_785_542_000;
const everyHash = { channel: { ...defaultChannelSettings, easiestTarget: maxTarget } };

describe("the pool and its template provider", () => {
  // success_pool_template_provider_connection
  it("sets up for template distribution with version 2 and no flags, states its constraints, and mines on what comes", async () => {
    const world = new WholePool();
    const started = world.pool.start();
    await world.clock.advanceAsync(10);
    await started;
    expect(world.templates.names).toEqual(["SetupConnection", "CoinbaseOutputConstraints"]);
    expect(world.templates.heard[0]?.fields).toMatchObject({
      protocol: 2,
      flags: 0,
      minVersion: 2,
      maxVersion: 2,
    });
    expect(world.pool.notReady()).toEqual(["no-template"]);
    world.tip(HEIGHT, TIMESTAMP);
    await world.clock.advanceAsync(10);
    expect(world.pool.notReady()).toEqual([]);
    expect(world.pool.status().height).toBe(HEIGHT);
  });

  // ntime_start_value_assertion_in_new_extended_mining_job (stratum issue 1324)
  it("gives a job on the same tip the template provider's header_timestamp as smallest ntime", async () => {
    const world = new WholePool();
    await world.start(HEIGHT, TIMESTAMP);
    const miner = world.connect().setUp();
    miner.openExtended();
    expect(miner.take("NewExtendedMiningJob").minNtime).toBeNull();
    expect(miner.take("SetNewPrevHash").minNtime).toBe(TIMESTAMP);
    await world.clock.advanceAsync(20_000);
    miner.takeAll();
    world.refresh(HEIGHT);
    await world.clock.advanceAsync(10);
    expect(miner.take("NewExtendedMiningJob").minNtime).toBe(TIMESTAMP);
  });

  // bip54_compliance
  it("makes coinbases with nLockTime of the height before and a sequence that does not disable it (BIP54)", async () => {
    const world = new WholePool();
    await world.start(HEIGHT, TIMESTAMP);
    const miner = world.connect().setUp();
    miner.openExtended();
    const { coinbaseTxPrefix, coinbaseTxSuffix } = miner.take("NewExtendedMiningJob");
    // version 4, one input 1, null outpoint 36, script length 1, then the script with BIP34's height first
    expect(heightFromBip34(coinbaseTxPrefix.subarray(42))).toBe(HEIGHT);
    const suffix = new DataView(coinbaseTxSuffix.slice().buffer);
    expect(suffix.getUint32(0, true)).not.toBe(0xffff_ffff);
    expect(suffix.getUint32(suffix.byteLength - 4, true)).toBe(HEIGHT - 1);
  });

  // block_found_detected_in_pool_metrics; the solution of jdc_block_propagation, on the pool's side
  it("hands a block that a miner finds to the template provider at once, and counts it", async () => {
    const world = new WholePool(everyHash);
    await world.start(HEIGHT, TIMESTAMP, EASY_NBITS);
    const miner = world.connect().setUp();
    const { channelId } = miner.openExtended({ nominalHashRate: 0 });
    const { jobId, version } = miner.take("NewExtendedMiningJob");
    miner.takeAll();
    let found = 0;
    for (let nonce = 0; found === 0 && nonce < 64; nonce++) {
      miner.submitExtended(nonce, { channelId, jobId, version, nonce, ntime: TIMESTAMP });
      await world.clock.advanceAsync(5);
      found = world.templates.names.filter((name) => name === "SubmitSolution").length;
    }
    expect(found).toBe(1);
    expect(world.count("lode_blocks_found_total")).toBe(1);
  });
});

describe("a mining device on a standard channel", () => {
  // pool_standard_channel_receives_share
  it("goes from the setup to an acknowledged share in the order the protocol has", async () => {
    const world = new WholePool(everyHash);
    await world.start(HEIGHT, TIMESTAMP);
    const miner = world.connect().setup({ flags: MiningFlags.requiresStandardJobs });
    expect(miner.take("SetupConnectionSuccess")).toEqual({ usedVersion: 2, flags: 0 });
    const { channelId } = miner.openStandard({ nominalHashRate: 0 });
    const { jobId, version } = miner.take("NewMiningJob");
    expect(miner.take("SetNewPrevHash")).toMatchObject({ channelId, jobId, minNtime: TIMESTAMP });
    miner.submitStandard(1, { channelId, jobId, version, ntime: TIMESTAMP });
    await world.clock.advanceAsync(100);
    expect(miner.take("SubmitSharesSuccess")).toEqual({
      channelId,
      lastSequenceNumber: 1,
      newSubmitsAcceptedCount: 1,
      newSharesSum: 0n, // far below difficulty 1
    });
    expect(world.batches).toBe(1);
  });
});

describe("setting up", () => {
  // pool_reject_setup_connection_with_non_mining_protocol, pool_reject_setup_connection_with_unsupported_version
  it.each([
    ["another protocol than mining", { protocol: 2 }, "unsupported-protocol"],
    ["job declaration", { protocol: 1 }, "unsupported-protocol"],
    ["version 3 alone", { minVersion: 3, maxVersion: 3 }, "protocol-version-mismatch"],
  ] as const)("for %s is refused with a code, and the connection ends", (_what, fields, errorCode) => {
    const pool = new ScriptedPool();
    const miner = pool.connect().setup(fields);
    expect(miner.take("SetupConnectionError").errorCode).toBe(errorCode);
    pool.clock.advance(1);
    expect(miner.closed).toBe("peer-closed");
  });
});

describe("without job declaration", () => {
  // pool_without_jds_rejects_set_custom_mining_job
  it("a custom job is answered with jd-not-supported, for any channel", () => {
    const pool = new ScriptedPool();
    const miner = pool.connect().setUp(MiningFlags.requiresWorkSelection);
    const { channelId: own } = miner.openExtended();
    for (const channelId of [GROUP_CHANNEL_ID, own]) {
      miner.send(mining.SetCustomMiningJob, { ...customJob, channelId, requestId: 7 });
      const answer = { channelId, requestId: 7, errorCode: "jd-not-supported" };
      expect(miner.take("SetCustomMiningJobError")).toEqual(answer);
    }
  });

  // pool_does_not_send_jobs_to_jdc
  it("a client that selects its own work gets no job and no SetNewPrevHash, ever", () => {
    const pool = new ScriptedPool();
    const miner = pool.connect().setUp(MiningFlags.requiresWorkSelection);
    miner.openExtended();
    pool.jobs.next();
    pool.jobs.nextTip();
    pool.clock.advance(300_000);
    expect(miner.takeNames()).toEqual([]);
  });
});

describe("ten channels of a connection", () => {
  const open = {
    extended: (miner: ScriptedMiner) => miner.openExtended({ minExtranonceSize: 0, nominalHashRate: 1000 }),
    standard: (miner: ScriptedMiner) => miner.openStandard({ nominalHashRate: 1000 }),
  };

  // pool_group_extended_channels, pool_group_standard_channels
  it.each(["extended", "standard"] as const)(
    "of %s kind are one group, 1: each opens with a job of its own, then one job and one SetNewPrevHash serve all",
    (kind) => {
      const pool = new ScriptedPool();
      const miner = pool.connect().setUp();
      for (let count = 0; count < 10; count++) {
        const { channelId, groupChannelId } = open[kind](miner);
        expect([channelId, groupChannelId]).toEqual([count + 2, 1]);
        const own = miner.takeAll();
        expect(own.map(({ name }) => name)).toEqual([
          kind === "extended" ? "NewExtendedMiningJob" : "NewMiningJob",
          "SetNewPrevHash",
        ]);
        expect(own.map(({ fields }) => "channelId" in fields && fields.channelId)).toEqual([
          channelId,
          channelId,
        ]);
      }
      pool.jobs.next();
      expect(miner.take("NewExtendedMiningJob").channelId).toBe(1);
      expect(miner.takeNames()).toEqual([]);
      pool.jobs.nextTip();
      const { jobId } = miner.take("NewExtendedMiningJob");
      expect(miner.take("SetNewPrevHash")).toMatchObject({ channelId: 1, jobId });
      expect(miner.takeNames()).toEqual([]);
    },
  );

  // pool_require_standard_jobs_set_does_not_group_standard_channels
  it("are no group where standard jobs are required: each gets every job and SetNewPrevHash for itself", () => {
    const pool = new ScriptedPool();
    const miner = pool.connect().setUp(MiningFlags.requiresStandardJobs);
    const ids = Array.from({ length: 10 }, () => {
      const { channelId } = open.standard(miner);
      miner.takeAll();
      return channelId;
    });
    pool.jobs.next();
    expect(ids.map(() => miner.take("NewMiningJob").channelId)).toEqual(ids);
    pool.jobs.nextTip();
    for (const channelId of ids) {
      expect(miner.take("NewMiningJob").channelId).toBe(channelId);
      expect(miner.take("SetNewPrevHash").channelId).toBe(channelId);
    }
    expect(miner.takeNames()).toEqual([]);
  });

  // pool_require_standard_jobs_set_rejects_open_extended_mining_channel
  it("cannot be extended where standard jobs are required", () => {
    const pool = new ScriptedPool();
    const miner = pool.connect().setUp(MiningFlags.requiresStandardJobs);
    expect(miner.openRefused(mining.OpenExtendedMiningChannel)).toBe(
      "extended-channels-not-supported-for-standard-jobs",
    );
  });

  // close_channel tests of translator_integration.rs, on the pool's side
  it("go one by one, or all at once with their group", () => {
    const pool = new ScriptedPool();
    const miner = pool.connect().setUp();
    for (let count = 0; count < 10; count++) {
      open.extended(miner);
      miner.takeAll();
    }
    miner.send(mining.CloseChannel, { channelId: 5, reasonCode: "" }).takeAll();
    expect(pool.server.stats().channels).toBe(9);
    miner.send(mining.CloseChannel, { channelId: 1, reasonCode: "" }).takeAll();
    expect(pool.server.stats().channels).toBe(0);
    pool.jobs.nextTip();
    expect(miner.takeNames()).toEqual([]);
    expect(miner.closed).toBeNull();
  });
});

describe("who is paid", () => {
  // pool_solo_mining: invalid addresses. Its patterns of payout modes are the reference pool's own.
  it.each([
    ["bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081", "invalid-user-identity"],
    ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "invalid-user-identity"],
    ["sri/solo/nobody/worker", "unknown-user"],
    ["", "unknown-user"],
  ])("cannot be %j: %s", (userIdentity, errorCode) => {
    const miner = new ScriptedPool().connect().setUp();
    expect(miner.openRefused(mining.OpenExtendedMiningChannel, { userIdentity })).toBe(errorCode);
  });

  // jd_integration.rs, multiple identities per connection, without job declaration
  it("is decided by each channel of a connection for itself", () => {
    const pool = new ScriptedPool({ settings: everyHash });
    const miner = pool.connect().setUp();
    const users = [
      "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.a",
      "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry.b",
    ];
    for (const [index, userIdentity] of users.entries()) {
      const { channelId } = miner.openExtended({ userIdentity, nominalHashRate: 0 });
      const { jobId } = miner.take("NewExtendedMiningJob");
      miner.takeAll();
      miner.submitExtended(index + 1, { channelId, jobId });
    }
    pool.clock.settle();
    expect(pool.shares.map(({ identity }) => `${identity.address}.${identity.worker}`)).toEqual(users);
  });
});

describe("extensions", () => {
  // extensions.rs: test_extension_negotiation_with_tlv_in_submit_shares
  it("are negotiated after the setup, and a share then names its worker", () => {
    const extensions = { supported: [0x0002], required: [] };
    const pool = new ScriptedPool({ settings: { ...everyHash, extensions } });
    const miner = pool.connect().setUp();
    miner.send(extensionsNegotiation.RequestExtensions, { requestId: 1, requestedExtensions: [0x0002] });
    expect(miner.take("RequestExtensionsSuccess")).toEqual({ requestId: 1, supportedExtensions: [0x0002] });
    const { channelId } = miner.openExtended({ nominalHashRate: 0 });
    const { jobId } = miner.take("NewExtendedMiningJob");
    miner.takeAll();
    const tlv = encodeUserIdentity("SRI-miner");
    const share = { channelId, jobId, sequenceNumber: 1, nonce: 1, version: 0x2000_0000 };
    const ntime = Math.floor(pool.clock.now() / 1000);
    miner.send(mining.SubmitSharesExtended, { ...share, ntime, extranonce: new Uint8Array(16) }, tlv);
    pool.clock.settle();
    expect(pool.shares.map(({ worker }) => worker)).toEqual(["SRI-miner"]);
    pool.acknowledge();
    expect(miner.takeNames()).toEqual(["SubmitSharesSuccess"]);
  });
});

describe("what is counted", () => {
  // pool_monitoring_with_sv2_mining_device, pool_api_endpoints_with_miner
  it("is one client with channel 2 after a miner's first share, and agrees with its answer", () => {
    const pool = new ScriptedPool({ settings: everyHash });
    const miner = pool.connect().setUp();
    const { channelId } = miner.openStandard({ nominalHashRate: 0 });
    expect(channelId).toBe(2);
    const { jobId } = miner.take("NewMiningJob");
    miner.takeAll();
    miner.submitStandard(1, { channelId, jobId }).submitStandard(2, { channelId, jobId: 99 });
    pool.acknowledge();
    expect(miner.takeNames()).toEqual(["SubmitSharesError", "SubmitSharesSuccess"]);
    expect(pool.server.stats()).toMatchObject({
      connections: 1,
      channels: 1,
      standardChannels: 1,
      accepted: 1,
      rejected: 1,
    });
    expect(pool.gauge("lode_clients")).toBe(1);
    expect(pool.count("lode_shares_accepted_total")).toBe(1);
    expect(pool.count("lode_shares_rejected_total{error_code=invalid-job-id}")).toBe(1);
  });
});

const customJob: Omit<mining.SetCustomMiningJob, "channelId" | "requestId"> = {
  miningJobToken: new Uint8Array(8),
  version: 0,
  prevHash: new Uint8Array(32),
  minNtime: 0,
  nbits: 0,
  coinbaseTxVersion: 0,
  coinbasePrefix: new Uint8Array(),
  coinbaseTxInputNSequence: 0,
  coinbaseTxOutputs: new Uint8Array(),
  coinbaseTxLocktime: 0,
  merklePath: [],
};
