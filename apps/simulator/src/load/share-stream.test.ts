import { silentLogger } from "@lode/ports";
import { ScriptedPool } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";
import { ADDRESS, everyHashIsAShare } from "../../test/loopback-pool.ts";
import { LoadTally } from "./load-report.ts";
import { ShareStream, type ShareStreamOptions } from "./share-stream.ts";

const WINDOW = 4;

function onPool(options: Partial<ShareStreamOptions> = {}) {
  const pool = new ScriptedPool({ settings: { channel: everyHashIsAShare } });
  const stream = new ShareStream({
    connection: pool.wire().client,
    userIdentity: ADDRESS,
    kind: "extended",
    window: WINDOW,
    clock: pool.clock,
    logger: silentLogger,
    ...options,
  });
  const tally = new LoadTally();
  stream.countInto(tally);
  pool.clock.settle();
  return { pool, stream, tally };
}

describe("a stream of shares", () => {
  it("keeps its window full and no fuller while it saturates, and every share is accepted", async () => {
    const { pool, stream, tally } = onPool();
    await stream.ready;
    stream.saturate();
    for (let round = 1; round <= 5; round++) {
      pool.clock.settle();
      expect([stream.unanswered, pool.shares.length]).toEqual([WINDOW, WINDOW]);
      pool.acknowledge();
      pool.clock.settle();
    }
    stream.stop();
    pool.acknowledge();
    pool.clock.settle();
    expect(stream.unanswered).toBe(0);
    expect(tally).toMatchObject({ sent: 6 * WINDOW, accepted: 6 * WINDOW, rejected: 0, miscounted: 0 });
  });

  it.each(["extended", "standard"] as const)(
    "hands in %s shares on every job, and tells templates apart",
    (kind) => {
      const stamps: number[] = [];
      const { pool, stream, tally } = onPool({ kind, onWork: (stamp) => stamps.push(stamp) });
      const version = 0x2000_0000;
      for (const job of [
        () => pool.jobs.nextTip(),
        () => pool.jobs.next({ version: version + 7 }),
        () => pool.jobs.next({ version: version + 7 }),
        () => pool.jobs.next({ version: version + 8 }),
      ]) {
        job();
        pool.clock.settle();
        stream.offer(pool.clock.monotonic());
        pool.acknowledge();
        pool.clock.settle();
      }
      expect(stamps).toEqual([0, 7, 8]);
      expect(tally).toMatchObject({ accepted: 4, rejected: 0 });
    },
  );

  it("counts latency from when a share was due, also where it had to wait for others", () => {
    const { pool, stream, tally } = onPool();
    const start = pool.clock.monotonic();
    for (let share = 0; share <= WINDOW; share++) stream.offer(start);
    pool.clock.advance(1_000);
    pool.acknowledge();
    pool.clock.settle();
    pool.clock.advance(1_000);
    pool.acknowledge();
    pool.clock.settle();
    const { count, p50, max } = tally.latency.summary();
    expect(count).toBe(WINDOW + 1);
    expect(p50 / 1_000).toBeCloseTo(1, 1);
    expect(max / 2_000).toBeCloseTo(1, 1);
  });

  it("counts refused shares with their code and goes on", () => {
    const { pool, stream, tally } = onPool();
    stream.offer(0);
    stream.offer(0);
    pool.jobs.nextTip(); // overtakes the shares on the wire: they are stale
    pool.clock.settle();
    expect(tally).toMatchObject({ rejected: 2, accepted: 0, lastErrorCode: "stale-share" });
    expect(stream.unanswered).toBe(0);
    stream.offer(0);
    pool.acknowledge();
    pool.clock.settle();
    expect(tally).toMatchObject({ sent: 3, accepted: 1, miscounted: 0 });
  });

  it("gives up what is never answered", () => {
    const { pool, stream } = onPool();
    stream.offer(0);
    pool.clock.settle();
    expect(stream.forget()).toBe(1);
    expect(stream.unanswered).toBe(0);
  });

  it("says why it got no channel", async () => {
    const { stream } = onPool({ userIdentity: "nobody" });
    await expect(stream.ready).rejects.toMatchObject({
      type: { code: "channel-refused", reason: "unknown-user" },
    });
  });

  it("reports the end of its connection and sends nothing more", () => {
    let end = "";
    const { pool, stream, tally } = onPool({ onEnd: (reason) => (end = reason) });
    pool.server.closeAll("shutting-down");
    pool.clock.settle();
    stream.offer(0);
    expect([end, tally.sent]).toEqual(["peer-closed", 0]);
  });
});
