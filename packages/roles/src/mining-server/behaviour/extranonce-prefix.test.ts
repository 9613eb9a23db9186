import { maxTarget } from "@lode/bitcoin";
import { EXTRANONCE_PREFIX_SIZE, ExtranonceAllocator } from "@lode/mining";
import { mining } from "@lode/protocol";
import { ScriptedPool } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";

/** A pool with `capacity` prefixes and a miner whose every hash is a share. */
function connect(capacity = 1_000) {
  const extranonces = new ExtranonceAllocator({ serverId: 7, capacity });
  const pool = new ScriptedPool({ deps: { extranonces } });
  const { server, client } = pool.wire();
  const miner = pool.script(client).setUp();
  const move = (channelId: number, connectionId = server.id) =>
    pool.server.moveExtranoncePrefix(connectionId, channelId);
  return { pool, miner, extranonces, move, connectionId: server.id };
}

const everyHash = { nominalHashRate: 0 };

describe("moving a channel to another extranonce prefix", () => {
  it.each(["extended", "standard"] as const)("tells an %s channel, then gives it a job", (kind) => {
    const { miner, move } = connect();
    const opened = kind === "extended" ? miner.openExtended(everyHash) : miner.openStandard(everyHash);
    miner.takeNames();
    expect(move(opened.channelId)).toBe(true);
    const { channelId, extranoncePrefix } = miner.take("SetExtranoncePrefix");
    expect(channelId).toBe(opened.channelId);
    expect(extranoncePrefix.length).toBe(opened.extranoncePrefix.length);
    expect(extranoncePrefix).not.toEqual(opened.extranoncePrefix);
    expect(miner.takeNames()).toEqual([kind === "extended" ? "NewExtendedMiningJob" : "NewMiningJob"]);
  });

  it("judges shares of older jobs by the old prefix and of newer ones by the new", () => {
    const { pool, miner, move } = connect();
    // Every share is a block: the record has its hash then.
    const jobs = [pool.jobs.nextTip(maxTarget)];
    const build = pool.jobs.factory.build.bind(pool.jobs.factory);
    pool.jobs.factory.build = (...args) => {
      const job = build(...args);
      jobs.push(job);
      return job;
    };
    const { extranoncePrefix: before } = miner.openExtended(everyHash);
    miner.takeNames();
    miner.submitExtended(1, { jobId: 1 });
    move(2);
    miner.submitExtended(2, { jobId: 1 }).submitExtended(3, { jobId: 2 });
    pool.clock.settle();
    const { extranoncePrefix: after } = miner.take("SetExtranoncePrefix");
    const hashes = pool.shares.map(({ blockHash }) => `${blockHash}`);
    const hashOf = (jobId: number, prefix: Uint8Array, nonce: number) => {
      const job = jobs[jobId - 1]!;
      const extranonce = new Uint8Array(20);
      extranonce.set(prefix);
      const hash = new Uint8Array(32);
      const ntime = pool.shares[0]!.receivedAt / 1000;
      job.handle.checkShare(extranonce, 0x2000_0000, ntime, nonce, hash, hash, hash);
      return `${hash}`;
    };
    expect(hashes).toEqual([hashOf(1, before, 1), hashOf(1, before, 2), hashOf(2, after, 3)]);
  });

  it("gives the old prefix to nobody while a job that was sent under it is held", () => {
    const { pool, miner, extranonces, move } = connect(4);
    const { extranoncePrefix } = miner.openExtended(everyHash);
    miner.takeNames();
    move(2);
    miner.takeNames();
    expect(extranonces.allocated).toBe(2);
    pool.jobs.nextTip(); // stale, but good for blocks
    expect(extranonces.allocated).toBe(2);
    for (let i = 0; i < 2; i++) pool.jobs.nextTip();
    expect(extranonces.allocated).toBe(1);
    miner.takeNames();
    const others = [1, 2, 3].map(() => {
      const opened = miner.openExtended(everyHash);
      miner.takeNames();
      return `${opened.extranoncePrefix.subarray(0, EXTRANONCE_PREFIX_SIZE)}`;
    });
    expect(others).toContain(`${extranoncePrefix}`);
    expect(new Set(others).size).toBe(3);
  });

  it("is refused for an unknown channel and when no prefix is left", () => {
    const { miner, move, connectionId } = connect(1);
    miner.openExtended();
    miner.takeNames();
    expect([move(99), move(2, connectionId + 1), move(2)]).toEqual([false, false, false]);
    expect(miner.takeNames()).toEqual([]);
  });

  it("returns every prefix when the channel closes, however often it moved", () => {
    const { pool, miner, extranonces, move } = connect();
    miner.openExtended();
    for (let i = 0; i < 5; i++) move(2);
    miner.send(mining.CloseChannel, { channelId: 2, reasonCode: "" });
    pool.clock.settle();
    pool.jobs.next();
    expect(extranonces.allocated).toBe(0);
  });
});
