import { mining } from "@lode/protocol";
import { ScriptedPool, type ScriptedPoolOptions } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";
import { OpenQueue } from "./open-queue.ts";

const request: mining.OpenStandardMiningChannel = {
  requestId: 0,
  userIdentity: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
  nominalHashRate: 0,
  maxTarget: new Uint8Array(32).fill(0xff),
};

/** Asks for so many channels in one write. */
function storm(pool: ScriptedPool, channels: number) {
  const miner = pool.connect().setUp();
  for (let requestId = 0; requestId < channels; requestId++) {
    miner.send(mining.OpenStandardMiningChannel, { ...request, requestId });
  }
  return miner;
}

describe("requests for channels", () => {
  it("by the thousand are all served, in order, a few in every turn", () => {
    const pool = new ScriptedPool();
    const miner = storm(pool, 1_000);
    pool.clock.advance(1_000);
    const ids = miner.takeAll().filter(({ name }) => name === "OpenStandardMiningChannelSuccess");
    expect(ids.map(({ fields }) => (fields as { requestId: number }).requestId)).toEqual(
      Array.from({ length: 1_000 }, (_, index) => index),
    );
    expect(pool.gauge("lode_channel_openings_waiting")).toBe(0);
  });

  it("of a newcomer do not wait for the thousands of others", () => {
    const turns: (() => void)[] = [];
    const later = (turn: () => void) => {
      turns.push(turn);
      return { cancel() {} };
    };
    const queue = new OpenQueue({ soon: later, after: (_ms, turn) => later(turn), monotonic: () => 0 });
    const served: string[] = [];
    const party = (name: string) => ({ mayOpen: () => true, open: () => void served.push(name) });
    const opening = { ...request, minExtranonceSize: null };
    for (const hoarder of Array.from({ length: 10 }, (_, index) => party(`hoarder ${index}`))) {
      for (let count = 0; count < 500; count++) queue.add(hoarder, opening);
    }
    const before = served.length;
    expect(before).toBeLessThan(100);
    queue.add(party("newcomer"), opening);
    turns.shift()!();
    expect(served.slice(before)).toContain("newcomer");
    expect(served.length - before).toBeLessThan(100);
    while (turns.length > 0) turns.shift()!();
    expect([served.length, queue.size]).toEqual([5_001, 0]);
  });

  it("leave most of the time to other work, also where a turn takes long", () => {
    let now = 0;
    const pauses: number[] = [];
    const turns: (() => void)[] = [];
    const queue = new OpenQueue({
      soon: (turn) => void turns.push(turn),
      after: (ms, turn) => {
        pauses.push(ms);
        turns.push(turn);
        return { cancel() {} };
      },
      monotonic: () => now,
    });
    const slow = {
      mayOpen: () => true,
      open() {
        now += 1;
      },
    };
    for (let count = 0; count < 200; count++) queue.add(slow, { ...request, minExtranonceSize: null });
    while (turns.length > 0) turns.shift()!();
    expect(pauses.slice(1)).toEqual(pauses.slice(1).map(() => 3 * 32));
    expect(pauses.length).toBeGreaterThan(3);
  });

  it("are refused where a pool's worth of them waits, but a newcomer's first one always waits with them", () => {
    const pool = new ScriptedPool({ settings: { maxChannels: 40, openings: { burst: 5, perSecond: 1 } } });
    const miner = storm(pool, 60);
    const refused = miner.takeAll().filter(({ name }) => name === "OpenMiningChannelError");
    expect([refused.length, pool.gauge("lode_channel_openings_waiting"), miner.closed]).toEqual([
      15,
      40,
      null,
    ]);
    const newcomer = pool.connect().setUp();
    newcomer.send(mining.OpenStandardMiningChannel, request);
    pool.clock.advance(100);
    newcomer.take("OpenStandardMiningChannelSuccess");
  });

  it("of a connection that ends are forgotten", () => {
    const pool = new ScriptedPool();
    const miner = storm(pool, 500);
    miner.connection.destroy("gone");
    pool.clock.advance(1_000);
    expect([pool.gauge("lode_channel_openings_waiting"), pool.server.stats().channels]).toEqual([0, 0]);
  });
});

describe("a cap on channels", () => {
  const cap = (options: ScriptedPoolOptions = {}) =>
    new ScriptedPool({ ...options, settings: { maxChannelsPerSubnet: 3, ...options.settings } });

  it("holds for all connections of a subnet together, and frees with them", () => {
    const pool = cap();
    const miners = [pool.connect().setUp(), pool.connect().setUp()];
    for (const miner of [miners[0]!, miners[1]!, miners[0]!]) {
      miner.openStandard();
      miner.takeNames();
    }
    expect(miners[1]!.openRefused(mining.OpenStandardMiningChannel)).toBe("channel-capacity-exhausted");
    miners[0]!.connection.destroy("gone");
    pool.clock.settle();
    miners[1]!.openStandard();
  });

  it("of subnets does not hold for addresses that are not counted", () => {
    const pool = cap({ deps: { subnetOf: () => null } });
    const miner = pool.connect().setUp();
    for (let i = 0; i < 5; i++) {
      miner.openStandard();
      miner.takeNames();
    }
  });

  it("is the pool's own affair: requests beyond it are refused without end and never held against the client", () => {
    const pool = cap({
      withoutTemplate: true,
      settings: { invalidMessages: { burst: 5, perSecond: 0 } },
    });
    const miner = pool.connect().setUp();
    pool.refusal = "pool-not-ready";
    for (let i = 0; i < 20; i++) {
      expect(miner.openRefused(mining.OpenStandardMiningChannel)).toBe("pool-not-ready");
    }
    pool.refusal = null;
    for (let i = 0; i < 20; i++) {
      expect(miner.openRefused(mining.OpenStandardMiningChannel)).toBe("no-template");
    }
    expect(miner.closed).toBeNull();
  });
});
