import { MiningFlags } from "@lode/protocol";
import { ScriptedPool } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";

/** A pool with more connections than one turn of the event loop serves, one channel each. */
function crowd(connections = 1_000) {
  const pool = new ScriptedPool();
  const sent: string[] = [];
  for (let index = 0; index < connections; index++) {
    const { server, client } = pool.wire();
    const send = server.send.bind(server);
    server.send = (frame) => {
      sent.push(frame[2] === 0x1f ? "job" : frame[2] === 0x20 ? "tip" : "other");
      send(frame);
    };
    const miner = pool.script(client).setUp();
    miner.openExtended();
    miner.takeNames();
  }
  sent.length = 0;
  const jobs = () => sent.filter((what) => what === "job").length;
  return { pool, sent, jobs };
}

describe("a job for everybody", () => {
  it("on the same tip goes out a part of the connections at a time, to all of them once", () => {
    const { pool, sent, jobs } = crowd();
    pool.jobs.next();
    expect(jobs()).toBe(0);
    pool.clock.soon(() => {
      expect(jobs()).toBeGreaterThan(0);
      expect(jobs()).toBeLessThan(500);
      expect(pool.count("lode_job_fanout_seconds{kind=same-tip}")).toBe(0);
    });
    pool.clock.settle();
    expect([jobs(), sent.length]).toEqual([1_000, 1_000]);
    expect(pool.count("lode_job_fanout_seconds{kind=same-tip}")).toBe(1);
  });

  it("on the same tip is overtaken by a new tip, which all connections get at once and nothing after it", () => {
    const { pool, sent, jobs } = crowd();
    pool.jobs.next();
    pool.clock.soon(() => {
      expect(jobs()).toBeGreaterThan(0);
      expect(jobs()).toBeLessThan(500);
      sent.length = 0;
      pool.jobs.nextTip();
      expect([jobs(), sent.length]).toEqual([1_000, 2_000]);
    });
    pool.clock.settle();
    expect(sent.length).toBe(2_000);
  });

  it("that another follows reaches everybody with the newest job", () => {
    const { pool, jobs } = crowd();
    pool.jobs.next();
    let first = 0;
    pool.clock.soon(() => {
      first = jobs();
      expect(first).toBeGreaterThan(0);
      pool.jobs.next();
    });
    pool.clock.settle();
    // Those served with the first job get the second too, the others only that.
    expect(jobs()).toBe(1_000 + first);
  });

  it("for thousands of standard channels of a connection goes out some in every turn, and a tip replaces what is left", () => {
    const pool = new ScriptedPool();
    const { server, client } = pool.wire();
    const miner = pool.script(client).setUp(MiningFlags.requiresStandardJobs);
    for (let opened = 0; opened < 1_000; opened++) {
      miner.openStandard();
      miner.takeNames();
    }
    const sent: string[] = [];
    const send = server.send.bind(server);
    server.send = (frame) => {
      sent.push(frame[2] === 0x15 ? "job" : frame[2] === 0x20 ? "tip" : "other");
      send(frame);
    };
    const count = (what: string) => sent.filter((name) => name === what).length;
    pool.jobs.next();
    let before = 0;
    pool.clock.soon(() => {
      before = count("job");
      expect(before).toBeGreaterThan(0);
      expect(before).toBeLessThan(500);
      pool.jobs.nextTip();
    });
    pool.clock.settle();
    expect(count("tip")).toBe(1_000);
    expect(count("job") - count("tip")).toBeGreaterThanOrEqual(before);
    expect(count("job") - count("tip")).toBeLessThan(1_000);
    expect(sent).not.toContain("other");
    pool.jobs.next();
    pool.clock.settle();
    expect(sent.slice(-1_000)).toEqual(Array.from({ length: 1_000 }, () => "job"));
  });

  it("on a new tip is measured until all have it, also when a job on the same tip follows", () => {
    const { pool } = crowd();
    const hoarder = pool.connect().setUp();
    for (let opened = 0; opened < 20; opened++) {
      hoarder.openExtended();
      hoarder.takeNames();
    }
    pool.jobs.nextTip();
    pool.jobs.next();
    expect(pool.count("lode_job_fanout_seconds{kind=new-tip}")).toBe(0);
    pool.clock.settle();
    const counts = ["new-tip", "same-tip"].map((kind) => pool.count(`lode_job_fanout_seconds{kind=${kind}}`));
    expect(counts).toEqual([1, 1]);
  });

  it("on a new tip comes last to whoever holds channels without work, and in turns of their own", () => {
    const pool = new ScriptedPool();
    const order: string[] = [];
    const join = (name: string, channels: number) => {
      const { server, client } = pool.wire();
      const send = server.send.bind(server);
      const miner = pool.script(client).setUp();
      for (let opened = 0; opened < channels; opened++) {
        miner.openExtended({ nominalHashRate: 0 });
        miner.takeNames();
      }
      server.send = (frame) => {
        if (frame[2] === 0x1f) order.push(name);
        send(frame);
      };
      return miner;
    };
    const hoarders = ["hoarder 1", "hoarder 2"].map((name) => join(name, 200));
    const farm = join("farm", 20);
    join("miner", 1);
    for (const channelId of [2, 3, 4]) farm.submitExtended(channelId, { channelId, jobId: channelId - 1 });
    // Any number of shares on one channel is work on one.
    for (let nonce = 0; nonce < 200; nonce++) hoarders[0]!.submitExtended(nonce);
    pool.acknowledge();
    hoarders[0]!.takeNames();
    order.length = 0;
    pool.jobs.nextTip();
    expect(order).toEqual(["farm", "miner"]);
    pool.clock.soon(() => expect(order).toEqual(["farm", "miner", "hoarder 1"]));
    pool.clock.settle();
    expect(order).toEqual(["farm", "miner", "hoarder 1", "hoarder 2"]);
    for (const hoarder of hoarders) {
      expect(hoarder.takeNames()).toEqual(["NewExtendedMiningJob", "SetNewPrevHash"]);
    }
    expect(pool.count("lode_job_fanout_seconds{kind=new-tip}")).toBe(1);
  });
});
