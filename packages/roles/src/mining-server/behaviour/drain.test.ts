import { type ScriptedMiner, ScriptedPool, type ScriptedPoolOptions } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";

function connect(options: ScriptedPoolOptions = {}) {
  const pool = new ScriptedPool(options);
  return { pool, miner: pool.connect().setUp() };
}

function openExtended(miner: ScriptedMiner): { channelId: number; jobId: number } {
  const { channelId } = miner.openExtended({ nominalHashRate: 0 });
  const { jobId } = miner.take("NewExtendedMiningJob");
  miner.take("SetNewPrevHash");
  return { channelId, jobId };
}

describe("draining", () => {
  it("closes each connection in its own slot of the window and refuses new ones", async () => {
    const { pool, miner } = connect();
    const miners = [miner, pool.connect().setUp(), pool.connect().setUp(), pool.connect().setUp()];
    const unset = pool.connect();
    const drained = pool.server.drain({ windowMs: 4_000 });
    pool.clock.settle();
    const open = () => miners.filter(({ closed }) => closed === null).length;
    expect([unset.closed, open()]).toEqual(["peer-closed", 3]);
    expect(pool.connect().setup().takeNames()).toEqual([]);
    for (const left of [2, 1, 0]) {
      pool.clock.advance(1_000);
      expect(open()).toBe(left);
    }
    await drained;
    expect(pool.clock.pendingTimers).toBe(0);
  });

  it("waits until everything that was read is answered", async () => {
    const { pool, miner } = connect();
    const place = openExtended(miner);
    miner.submitExtended(1, place);
    pool.clock.settle();
    const drained = pool.server.drain({ windowMs: 0 });
    pool.clock.advance(1);
    miner.submitExtended(2, place);
    pool.clock.advance(1_000);
    expect(miner.closed).toBeNull();
    expect(pool.shares.map(({ sequenceNumber }) => sequenceNumber)).toEqual([1, 2]);
    pool.server.acknowledge(pool.shares.splice(0, 1));
    expect(miner.take("SubmitSharesSuccess")).toMatchObject({ lastSequenceNumber: 1 });
    expect(miner.takeNames()).toEqual(["CloseChannel"]);
    expect(miner.closed).toBe("peer-closed");
    await drained;
  });

  it("waits for the answer to what was received and not read yet, and closes only behind it", async () => {
    const pool = new ScriptedPool();
    const { server, client } = pool.wire();
    const miner = pool.script(client).setUp();
    const place = openExtended(miner);
    /** Its share is there, and is delivered when somebody wants it. */
    const holdsShare = (sequenceNumber: number) => {
      server.readReceived = () => {
        server.readReceived = () => {};
        miner.submitExtended(sequenceNumber, place);
        pool.clock.settle();
      };
    };
    holdsShare(1);
    const drained = pool.server.drain({ windowMs: 0 });
    pool.clock.advance(1);
    expect([pool.shares.length, miner.closed]).toEqual([1, null]);
    holdsShare(2);
    pool.acknowledge();
    expect(pool.shares.length).toBe(1);
    expect(miner.takeNames()).toEqual(["SubmitSharesSuccess", "CloseChannel"]);
    await drained;
  });

  it("hands in a block that comes while the last answers are awaited", () => {
    const { pool, miner } = connect();
    const place = openExtended(miner);
    pool.jobs.on({ ...pool.jobs.tip, target: (1n << 256n) - 1n });
    const { jobId } = miner.take("NewExtendedMiningJob");
    miner.submitExtended(1, place);
    pool.clock.settle();
    void pool.server.drain({ windowMs: 0 });
    pool.clock.advance(1);
    miner.submitExtended(2, { ...place, jobId });
    pool.clock.settle();
    expect([pool.blocks.length, miner.closed]).toEqual([1, null]);
  });

  it("keeps judging shares until a connection's slot has come", async () => {
    const { pool, miner } = connect();
    const other = pool.connect().setUp();
    const place = openExtended(other);
    const drained = pool.server.drain({ windowMs: 10_000 });
    pool.clock.advance(4_000);
    other.submitExtended(1, place);
    pool.acknowledge();
    expect(other.takeNames()).toEqual(["SubmitSharesSuccess"]);
    pool.clock.advance(1_001);
    expect([miner.closed, other.closed]).toEqual(["peer-closed", "peer-closed"]);
    await drained;
  });

  it("does not wait for ever for a store that does not answer", async () => {
    const { pool, miner } = connect();
    miner.submitExtended(1, openExtended(miner));
    pool.clock.settle();
    const drained = pool.server.drain({ windowMs: 0 });
    pool.clock.advance(4_999);
    expect(miner.closed).toBeNull();
    pool.clock.advance(1);
    expect(miner.closed).toBe("peer-closed");
    await drained;
  });

  it("sends Reconnect first to the vendors that understand it, to nobody else", async () => {
    const { pool, miner } = connect({ settings: { reconnectVendors: ["lode-proxy"] } });
    const proxy = pool.connect().setUp(0, "lode-proxy");
    const drained = pool.server.drain({ windowMs: 0 });
    pool.clock.advance(1);
    expect(proxy.take("Reconnect")).toEqual({ newHost: "", newPort: 0 });
    expect([miner.takeNames(), miner.closed, proxy.closed]).toEqual([[], "peer-closed", "peer-closed"]);
    await drained;
  });

  it("without connections is done at once", async () => {
    const pool = new ScriptedPool();
    await pool.server.drain({ windowMs: 60_000 });
    expect(pool.clock.pendingTimers).toBe(0);
  });

  it("is done once, however often it is asked for", async () => {
    const { pool, miner } = connect();
    const first = pool.server.drain({ windowMs: 1_000 });
    expect(pool.server.drain({ windowMs: 0 })).toBe(first);
    pool.clock.advance(1);
    await first;
    expect(miner.closed).toBe("peer-closed");
    expect(pool.count("lode_mining_connections_closed_total{reason=draining}")).toBe(1);
  });
});
