import { ScriptedPool } from "@lode/testing";
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
    pool.server.publish(pool.jobs.next());
    expect(jobs()).toBeGreaterThan(0);
    expect(jobs()).toBeLessThan(500);
    expect(pool.count("lode_job_fanout_seconds{kind=same-tip}")).toBe(0);
    pool.clock.settle();
    expect([jobs(), sent.length]).toEqual([1_000, 1_000]);
    expect(pool.count("lode_job_fanout_seconds{kind=same-tip}")).toBe(1);
  });

  it("on the same tip is overtaken by a new tip, which all connections get at once and nothing after it", () => {
    const { pool, sent, jobs } = crowd();
    pool.server.publish(pool.jobs.next());
    const refreshed = jobs();
    sent.length = 0;
    pool.server.publish(pool.jobs.nextTip());
    expect(refreshed).toBeLessThan(500);
    expect([jobs(), sent.length]).toEqual([1_000, 2_000]);
    pool.clock.settle();
    expect(sent.length).toBe(2_000);
  });

  it("that another follows reaches everybody with the newest job", () => {
    const { pool, jobs } = crowd();
    pool.server.publish(pool.jobs.next());
    const first = jobs();
    pool.server.publish(pool.jobs.next());
    pool.clock.settle();
    // Those served with the first job get the second too, the others only that.
    expect(jobs()).toBe(1_000 + first);
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
    for (let nonce = 0; nonce < 4; nonce++) farm.submitExtended(nonce);
    pool.acknowledge();
    order.length = 0;
    pool.server.publish(pool.jobs.nextTip());
    expect(order).toEqual(["farm", "miner", "hoarder 1"]);
    pool.clock.settle();
    expect(order).toEqual(["farm", "miner", "hoarder 1", "hoarder 2"]);
    for (const hoarder of hoarders) {
      expect(hoarder.takeNames()).toEqual(["NewExtendedMiningJob", "SetNewPrevHash"]);
    }
    expect(pool.count("lode_job_fanout_seconds{kind=new-tip}")).toBe(1);
  });
});
