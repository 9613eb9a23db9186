import { maxTarget, nbitsFromTarget } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { MiningFlags, mining } from "@lode/protocol";
import { ScriptedMiner, ScriptedPool, type ScriptedPoolOptions } from "@lode/testing/pool";
import type { FrameConnection } from "@lode/transport";
import { memoryPair } from "@lode/transport/testing";
import { describe, expect, it } from "vitest";

/** A pool with a miner that has one extended channel and one with two standard ones, openings taken. */
function connect(options: ScriptedPoolOptions = {}) {
  const pool = new ScriptedPool(options);
  const miner = pool.connect().setUp();
  miner.openExtended();
  miner.takeNames();
  const standard = pool.connect().setUp(MiningFlags.requiresStandardJobs);
  for (let i = 0; i < 2; i++) {
    standard.openStandard();
    standard.takeNames();
  }
  return { pool, miner, standard };
}

const jobsOf = (names: string[]) => names.filter((name) => name.endsWith("Job")).length;

describe("a new job", () => {
  it("on a new tip goes out as a future job with its SetNewPrevHash, to an only channel by its own id", () => {
    const { pool, miner } = connect();
    const job = pool.jobs.nextTip();
    const { prevHash, nbits, headerTimestamp: minNtime } = job.tip;
    expect(miner.take("NewExtendedMiningJob")).toMatchObject({ channelId: 2, jobId: 2, minNtime: null });
    expect(miner.take("SetNewPrevHash")).toEqual({ channelId: 2, jobId: 2, prevHash, nbits, minNtime });
    expect(miner.takeNames()).toEqual([]);
    expect(pool.count("lode_job_fanout_seconds{kind=new-tip}")).toBe(1);
  });

  it("goes to every channel by its own id where standard jobs are required", () => {
    const { pool, standard } = connect();
    const job = pool.jobs.nextTip();
    const { prevHash, nbits, headerTimestamp: minNtime } = job.tip;
    for (const [channelId, jobId] of [
      [2, 3],
      [3, 4],
    ]) {
      expect(standard.take("NewMiningJob")).toMatchObject({ channelId, jobId, minNtime: null });
      expect(standard.take("SetNewPrevHash")).toEqual({ channelId, jobId, prevHash, nbits, minNtime });
    }
    expect(standard.takeNames()).toEqual([]);
  });

  it("on the same tip is to be mined at once, with the tip's header_timestamp as min_ntime", () => {
    const { pool, miner, standard } = connect({ settings: { channel: calm } });
    pool.clock.advance(20_000);
    pool.jobs.next();
    const minNtime = pool.jobs.tip.headerTimestamp;
    expect(miner.take("NewExtendedMiningJob")).toMatchObject({ channelId: 2, jobId: 2, minNtime });
    expect(standard.take("NewMiningJob")).toMatchObject({ channelId: 2, jobId: 3, minNtime });
    expect(standard.take("NewMiningJob")).toMatchObject({ channelId: 3, jobId: 4, minNtime });
    expect([...miner.takeNames(), ...standard.takeNames()]).toEqual([]);
    expect(pool.count("lode_job_fanout_seconds{kind=same-tip}")).toBe(1);
  });

  it("of another source on the same tip is no new tip, and min_ntime does not decrease", () => {
    const { pool, miner, standard } = connect();
    const { tip } = pool.jobs;
    pool.jobs.on({ ...tip, prevHash: tip.prevHash.slice(), headerTimestamp: 1 });
    expect(miner.take("NewExtendedMiningJob").minNtime).toBe(tip.headerTimestamp);
    expect(standard.take("NewMiningJob").minNtime).toBe(tip.headerTimestamp);
    pool.jobs.on({ ...tip, headerTimestamp: tip.headerTimestamp + 5 });
    expect(miner.take("NewExtendedMiningJob").minNtime).toBe(tip.headerTimestamp + 5);
    miner.openExtended();
    miner.take("NewExtendedMiningJob");
    expect(miner.take("SetNewPrevHash").minNtime).toBe(tip.headerTimestamp + 5);
  });

  it("with other nbits on the same prev_hash goes out with a SetNewPrevHash, min_ntime not decreasing", () => {
    const { pool, miner, standard } = connect();
    const { tip } = pool.jobs;
    const target = tip.target << 8n;
    const nbits = nbitsFromTarget(target);
    const headerTimestamp = tip.headerTimestamp - 5;
    pool.jobs.on({ ...tip, headerTimestamp, nbits, target });
    const { prevHash, headerTimestamp: minNtime } = tip;
    expect(miner.take("NewExtendedMiningJob")).toMatchObject({ channelId: 2, jobId: 2, minNtime: null });
    expect(miner.take("SetNewPrevHash")).toEqual({ channelId: 2, jobId: 2, prevHash, nbits, minNtime });
    expect(standard.take("NewMiningJob")).toMatchObject({ channelId: 2, jobId: 3, minNtime: null });
    expect(standard.take("SetNewPrevHash")).toEqual({ channelId: 2, jobId: 3, prevHash, nbits, minNtime });
    expect(miner.takeNames()).toEqual([]);
  });

  it("that no job can be made of leaves everybody with the last one", () => {
    const { pool, miner, standard } = connect();
    const last = pool.jobs.newest;
    const tooLong = { coinbasePrefix: new Uint8Array(90) };
    expect(() => pool.jobs.next(tooLong)).toThrow("script-sig-too-long");
    pool.clock.settle();
    expect([miner.takeNames(), standard.takeNames(), pool.jobs.newest]).toEqual([[], [], last]);
  });

  it("is flushed connection by connection, after the last frame of each", () => {
    const pool = new ScriptedPool();
    const log: string[] = [];
    for (const name of ["a", "b"]) {
      const [server, client] = memoryPair(pool.clock);
      pool.server.accept(tap(server, name, log));
      const miner = new ScriptedMiner(client, () => pool.clock.settle());
      miner.setUp(MiningFlags.requiresStandardJobs).openStandard();
      miner.takeNames();
      miner.openStandard();
    }
    log.length = 0;
    pool.jobs.nextTip();
    const write = (name: string) =>
      ["15", "20", "15", "20"].map((type) => `${name} ${type}`).concat(`${name} flush`);
    expect(log).toEqual([...write("a"), ...write("b")]);
  });

  it("for more channels than a connection may queue goes out in parts; a newer one replaces the rest", () => {
    const settings = { channel: calm, fanOutQueueBytes: 20_000, standardRefreshMs: 1e9 };
    const wire = { writeQueueBytes: 30_000, latencyMs: 40 };
    const pool = new ScriptedPool({ settings, wire });
    const miner = new ScriptedMiner(pool.wire().client, () => pool.clock.advance(100));
    miner.setUp(MiningFlags.requiresStandardJobs);
    const channels = 300;
    for (let i = 0; i < channels; i++) {
      miner.openStandard();
      miner.takeNames();
    }
    pool.jobs.next();
    const closedMeanwhile = 2 + channels - 1;
    miner.send(mining.CloseChannel, { channelId: closedMeanwhile, reasonCode: "" });
    pool.clock.advance(60);
    const openedMeanwhile = 2 + channels;
    const job = pool.jobs.nextTip();
    miner.send(mining.OpenStandardMiningChannel, {
      requestId: 1,
      userIdentity: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
      nominalHashRate: 0,
      maxTarget: new Uint8Array(32).fill(0xff),
    });
    pool.clock.advance(10_000);
    expect(miner.closed).toBeNull();
    const activated = new Map<number, string>();
    const received = miner.takeAll();
    expect(received.filter(({ name }) => name === "OpenStandardMiningChannelSuccess")).toHaveLength(1);
    for (const { name, fields } of received) {
      if (name === "SetNewPrevHash") {
        expect(activated.has(fields.channelId)).toBe(false);
        activated.set(fields.channelId, `${fields.prevHash}`);
      }
    }
    expect(activated.size).toBe(channels);
    expect(activated.has(openedMeanwhile)).toBe(true);
    expect(activated.has(closedMeanwhile)).toBe(false);
    expect(new Set(activated.values())).toEqual(new Set([`${job.tip.prevHash}`]));
  });

  it("reaches nobody who has no channel, and is not an event for them", () => {
    const pool = new ScriptedPool();
    const idle = pool.connect().setUp();
    pool.connect();
    pool.jobs.nextTip();
    expect(idle.takeNames()).toEqual([]);
  });

  it("failing at one connection reaches the others", () => {
    const { pool, standard: miner } = connect();
    const healthy = pool.connect().setUp();
    healthy.openStandard();
    healthy.takeNames();
    const build = pool.jobs.factory.build.bind(pool.jobs.factory);
    pool.jobs.factory.build = (...args) => {
      const job = build(...args);
      let calls = 0;
      const merkleRoot = job.handle.merkleRoot.bind(job.handle);
      job.handle.merkleRoot = (extranonce) => {
        if (calls++ === 0) throw new RangeError("bug");
        return merkleRoot(extranonce);
      };
      return job;
    };
    pool.jobs.nextTip();
    expect(healthy.takeNames()).toEqual(["NewMiningJob", "SetNewPrevHash"]);
    expect(miner.takeNames()).toEqual(["CloseChannel", "CloseChannel"]);
    expect(miner.closed).toBe("peer-closed");
    expect(pool.complaints).toEqual(["session failed, closing its connection: RangeError: bug"]);
  });
});

describe("a fresh job", () => {
  it.each([
    ["standard", 45_000],
    ["extended", 60_000],
  ])("comes at least every so often on %s channels, each being new work", (kind, limit) => {
    const { pool, miner, standard } = connect();
    const peer = kind === "standard" ? standard : miner;
    const work = new Set<string>();
    let last = 0;
    for (let ms = 1_000; ms <= 200_000; ms += 1_000) {
      pool.clock.advance(1_000);
      for (const { name, fields } of peer.takeAll()) {
        if (name !== "NewMiningJob" && name !== "NewExtendedMiningJob") continue;
        if (fields.channelId !== 2) continue;
        expect(fields.minNtime).toBe(pool.jobs.tip.headerTimestamp);
        work.add(`${"merkleRoot" in fields ? fields.merkleRoot : fields.coinbaseTxPrefix}`);
        last = ms;
      }
      expect(ms - last).toBeLessThan(limit);
    }
    expect(work.size).toBeGreaterThanOrEqual(Math.floor(200_000 / limit) - 1);
  });

  it("comes before a fast machine has searched all of a standard job, but no faster than once a second", () => {
    const pool = new ScriptedPool({ settings: { channel: { ...calm, sharesPerMinute: 1e-9 } } });
    const everyMs = (nominalHashRate: number) => {
      const miner = pool.connect().setUp(MiningFlags.requiresStandardJobs);
      miner.openStandard({ nominalHashRate });
      miner.takeNames();
      pool.clock.advance(60_000);
      return 60_000 / jobsOf(miner.takeNames());
    };
    const searchMs = (nominalHashRate: number) => (2 ** 48 / nominalHashRate) * 1000;
    for (const rate of [30e12, 60e12, 120e12]) {
      expect(everyMs(rate)).toBeLessThan(searchMs(rate) / 2);
      expect(everyMs(rate)).toBeGreaterThanOrEqual(1_000);
    }
    expect(everyMs(1e16)).toBeGreaterThanOrEqual(1_000);
    expect(everyMs(1e16)).toBeLessThanOrEqual(2_000);
  });

  it("is not sent to a channel that had a job lately", () => {
    const { pool, miner } = connect({ settings: { channel: calm } });
    for (let i = 0; i < 10; i++) {
      pool.clock.advance(15_000);
      pool.jobs.next();
    }
    expect(jobsOf(miner.takeNames())).toBe(10);
  });

  it("is spread over the round for channels that were opened together", () => {
    const pool = new ScriptedPool({ settings: { channel: calm } });
    const miner = pool.connect().setUp(MiningFlags.requiresStandardJobs);
    for (let i = 0; i < 40; i++) {
      miner.openStandard();
      miner.takeNames();
    }
    const perStep: number[] = [];
    for (let ms = 0; ms < 90_000; ms += 500) {
      pool.clock.advance(500);
      perStep.push(jobsOf(miner.takeNames()));
    }
    expect(Math.max(...perStep)).toBe(4);
    expect(perStep.reduce((sum, jobs) => sum + jobs)).toBeGreaterThanOrEqual(80);
  });
});

/** No vardiff of its own: the shares aimed at are so few that nothing is ever surprising. */
const calm = { ...defaultChannelSettings, easiestTarget: maxTarget, sharesPerMinute: 0.001 };

/** A connection whose frames and flushes are logged in order, by message type. */
function tap(inner: FrameConnection, name: string, log: string[]): FrameConnection {
  return {
    id: inner.id,
    remoteAddress: inner.remoteAddress,
    queuedBytes: 0,
    start: (handler) => inner.start(handler),
    send(frame) {
      log.push(`${name} ${frame[2]!.toString(16)}`);
      inner.send(frame);
    },
    flush() {
      log.push(`${name} flush`);
      inner.flush();
    },
    readReceived: () => inner.readReceived(),
    close: (reason) => inner.close(reason),
    destroy: (reason) => inner.destroy(reason),
  };
}
