import { maxTarget } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { MiningFlags, mining } from "@lode/protocol";
import { ScriptedPool, type ScriptedPoolOptions } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";

/** No vardiff of its own: the shares aimed at are so few that nothing is ever surprising. */
const calm = { ...defaultChannelSettings, easiestTarget: maxTarget, sharesPerMinute: 0.001 };

const opening: mining.OpenExtendedMiningChannel = {
  requestId: 0,
  userIdentity: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
  nominalHashRate: 1e12,
  maxTarget: new Uint8Array(32).fill(0xff),
  minExtranonceSize: 8,
};

/** A pool with a miner that has one channel of each kind, opening taken. */
function connect(options: ScriptedPoolOptions = {}, nominalHashRate = 1e12) {
  const pool = new ScriptedPool(options);
  const miner = pool.connect().setUp();
  miner.openExtended({ nominalHashRate });
  miner.takeNames();
  miner.openStandard();
  miner.takeNames();
  return { pool, miner };
}

describe("a new target", () => {
  const harder = new Uint8Array(32).fill(0xff, 0, 20);
  const rate = { nominalHashRate: 1e15, maximumTarget: new Uint8Array(32).fill(0xff) };

  it("waits while too much is queued for the peer, so that thousands at once do not cut it", () => {
    const wire = { writeQueueBytes: 30_000, latencyMs: 40 };
    const pool = new ScriptedPool({ settings: { channel: calm, fanOutQueueBytes: 10_000 }, wire });
    const miner = pool.script(pool.wire().client);
    miner.setup();
    pool.clock.advance(100);
    const channels = 300;
    for (let requestId = 0; requestId < channels; requestId++) {
      miner.send(mining.OpenExtendedMiningChannel, { ...opening, requestId });
      pool.clock.advance(100);
    }
    miner.takeAll();
    for (let channelId = 2; channelId < 2 + channels; channelId++) {
      miner.send(mining.UpdateChannel, { channelId, nominalHashRate: 1e12, maximumTarget: harder });
    }
    pool.clock.advance(20_000);
    const told = new Set(
      miner.takeAll().flatMap(({ name, fields }) => (name === "SetTarget" ? fields.channelId : [])),
    );
    expect([told.size, miner.closed]).toEqual([channels, null]);
  });

  it("leaves alone, at once, where the client brings its own work (SV2 5.3.7)", () => {
    const pool = new ScriptedPool();
    const miner = pool.connect().setUp(MiningFlags.requiresWorkSelection);
    miner.openExtended();
    miner.send(mining.UpdateChannel, { channelId: 2, nominalHashRate: 1e12, maximumTarget: harder });
    expect(miner.take("SetTarget")).toEqual({ channelId: 2, maximumTarget: harder });
    expect(miner.takeNames()).toEqual([]);
  });

  it("leaves in one write with a fresh job for that channel, before it", () => {
    const { pool, miner } = connect();
    pool.clock.advance(2_000);
    miner.takeNames();
    miner.send(mining.UpdateChannel, { channelId: 2, ...rate });
    const { channelId, maximumTarget } = miner.take("SetTarget");
    expect(channelId).toBe(2);
    expect(maximumTarget[31]).toBe(0);
    expect(miner.take("NewExtendedMiningJob")).toMatchObject({
      channelId: 2,
      minNtime: pool.jobs.tip.headerTimestamp,
    });
    expect(miner.takeNames()).toEqual([]);
  });

  it("waits for a second after the channel's last job, however often the client asks", () => {
    const { pool, miner } = connect({ settings: { channel: calm } });
    pool.clock.advance(2_000);
    for (let i = 0; i < 50; i++)
      miner.send(mining.UpdateChannel, { channelId: 2, ...rate, nominalHashRate: 10 ** (10 + (i % 9)) });
    expect(miner.takeNames()).toEqual(["SetTarget", "NewExtendedMiningJob"]);
    pool.clock.advance(990);
    expect(miner.takeNames()).toEqual([]);
    pool.clock.advance(510);
    expect(miner.takeNames()).toEqual(["SetTarget", "NewExtendedMiningJob"]);
  });

  it("comes from shares as soon as they are too many, without waiting for the channel's round", () => {
    // Every second hash is a share.
    const settings = { channel: { ...defaultChannelSettings, easiestTarget: 1n << 255n }, roundMs: 1e7 };
    const { pool, miner } = connect({ settings }, 0);
    pool.clock.advance(2_000);
    miner.takeNames();
    for (let nonce = 0; nonce < 40; nonce++) {
      miner.submitExtended(nonce);
      pool.clock.advance(10);
    }
    const answers = new Set(miner.takeNames());
    expect(answers).toEqual(new Set(["SubmitSharesError", "SetTarget", "NewExtendedMiningJob"]));
  });

  it("comes from silence: vardiff makes it easier without any share", () => {
    const pool = new ScriptedPool({ settings: { channel: defaultChannelSettings } });
    const miner = pool.connect().setUp();
    const opened = miner.openStandard({ nominalHashRate: 1e15 });
    miner.takeNames();
    pool.clock.advance(300_000);
    const targets = miner.takeAll().filter((message) => message.name === "SetTarget");
    expect(targets.length).toBeGreaterThan(0);
    const bigEndian = (bytes: Uint8Array) => Buffer.from(bytes).reverse().toString("hex");
    const first = targets[0]!.fields as mining.SetTarget;
    expect(bigEndian(first.maximumTarget) > bigEndian(opened.target)).toBe(true);
  });

  it("that changed with the tip goes before the future job", () => {
    const { pool, miner } = connect({ settings: { channel: { ...calm, sharesPerMinute: 6 } } });
    const rich = pool.connect().setUp(MiningFlags.requiresStandardJobs);
    rich.openStandard({ nominalHashRate: 1e15 });
    rich.takeNames();
    miner.takeNames();
    // Work of 2^50 per block: this miner would meet it every second or so, so its target becomes the network's.
    pool.jobs.nextTip(maxTarget >> 50n);
    expect(rich.takeNames()).toEqual(["SetTarget", "NewMiningJob", "SetNewPrevHash"]);
  });
});
