import { native } from "@lode/native";
import { silentLogger, systemClock, systemRandom } from "@lode/ports";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ADDRESS, type LoopbackPool, openLoopbackPool } from "../../test/loopback-pool.ts";
import { startLoad } from "./load.ts";
import { spawnLoad } from "./spawn-load.ts";
import { systemMs } from "./work-watch.ts";

const CONNECTIONS = 3;
const opened: LoopbackPool[] = [];

async function openPool(): Promise<LoopbackPool> {
  const pool = await openLoopbackPool();
  opened.push(pool);
  return pool;
}

afterEach(async () => {
  for (const pool of opened.splice(0)) await pool.close();
});

function target(pool: LoopbackPool) {
  return { ...pool.endpoint, connections: CONNECTIONS, userIdentity: `${ADDRESS}.rig` };
}

const ports = { native, clock: systemClock, random: systemRandom, logger: silentLogger };
const faultless = { rejected: 0, unanswered: 0, miscounted: 0, lost: 0, lastErrorCode: "" };

describe("a load generator", () => {
  it("sends at its rate over all its connections, and every share is answered", async () => {
    const pool = await openPool();
    const load = await startLoad({ ...target(pool), ...ports });
    const report = await load.pace(0.5, 300);
    await load.close();
    expect(report).toMatchObject({ ...faultless, accepted: report.sent });
    expect(report.sent).toBeGreaterThan(0);
    expect(report.sent + report.skipped).toBeLessThanOrEqual(150);
    expect(report.latency.count).toBe(report.sent);
    expect([...pool.sharesOf.keys()].sort()).toEqual(["rig0", "rig1", "rig2"]);
  });

  it("works in a process of its own, stretch after stretch, and sees a tip reach everybody", async () => {
    const pool = await openPool();
    const load = await spawnLoad({ ...target(pool), window: 2 });
    const first = await load.saturate(0.2);
    const { everywhere } = await load.watch(5);
    const publishedAt = systemMs();
    pool.jobs.nextTip();
    pool.jobs.next({ version: 0x2000_0005 });
    const { times, missing } = await everywhere;
    expect([times.length, missing]).toEqual([CONNECTIONS, 0]);
    expect(Math.min(...times)).toBeGreaterThan(publishedAt);
    expect(Math.max(...times)).toBeLessThan(systemMs());
    const second = await load.saturate(0.2);
    await load.close();
    for (const report of [first, second]) {
      expect(report).toMatchObject({ ...faultless, accepted: report.sent });
      expect(report.sent).toBeGreaterThan(2 * CONNECTIONS);
    }
  });

  it("drops all its connections and brings them back, and shares flow again", async () => {
    const pool = await openPool();
    const load = await startLoad({ ...target(pool), ...ports });
    const { times, missing, droppedAt, failures } = await load.storm();
    expect({ count: times.length, missing, failures }).toEqual({
      count: CONNECTIONS,
      missing: 0,
      failures: {},
    });
    expect(Math.min(...times)).toBeGreaterThanOrEqual(droppedAt);
    await vi.waitUntil(() => pool.server.stats().connections === CONNECTIONS, { timeout: 15_000 });
    const report = await load.saturate(0.1);
    await load.close();
    expect(report).toMatchObject({ ...faultless, accepted: report.sent });
  });

  it("leaves no more open than a server answers together", async () => {
    const pool = await openPool();
    const load = await startLoad({ ...target(pool), ...ports, answeredTogether: 10 });
    const report = await load.saturate(0.1);
    await load.close();
    expect(report).toMatchObject({ rejected: 0, unanswered: 0, lost: 0 });
  });

  it("trusts nobody but the authority it was told", async () => {
    const pool = await openPool();
    const authorityKey = new Uint8Array(32).fill(2);
    await expect(startLoad({ ...target(pool), ...ports, authorityKey })).rejects.toThrow("bad-handshake");
  });

  it("says what is wrong when there is no pool, also from its own process", async () => {
    const pool = await openLoopbackPool();
    await pool.close();
    await expect(startLoad({ ...target(pool), ...ports })).rejects.toThrow("refused");
    await expect(spawnLoad(target(pool))).rejects.toThrow(/the load generator: .*refused/);
  });
});
