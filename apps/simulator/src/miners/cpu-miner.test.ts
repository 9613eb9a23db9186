import { bytesToTarget, maxTarget, nbitsFromTarget, targetFromNbits, targetToBytes } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { noMetrics, silentLogger } from "@lode/ports";
import type { ActiveJob } from "@lode/roles";
import { ScriptedPool } from "@lode/testing/pool";
import { seededRandom } from "@lode/testing/random";
import { describe, expect, it } from "vitest";
import { type CpuMinerOptions, startCpuMiner } from "./cpu-miner.ts";
import { NonceSearch } from "./nonce-search.ts";
import { RateMeter } from "./rate-meter.ts";

const USER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.rig";
/** About one share a second at 2,000 hashes per second. */
const ONE_IN_2000 = maxTarget / 2000n;

function mining(
  kind: "standard" | "extended",
  options: Partial<CpuMinerOptions> = {},
  refusal: string | null = null,
) {
  const pool = new ScriptedPool({
    settings: { channel: { ...defaultChannelSettings, easiestTarget: ONE_IN_2000, sharesPerMinute: 60 } },
  });
  pool.refusal = refusal;
  const accepted: number[] = [];
  const rejected: string[] = [];
  const closed: string[] = [];
  const miner = startCpuMiner({
    connection: pool.wire().client,
    userIdentity: USER,
    kind,
    hashesPerSecond: 2_000,
    clock: pool.clock,
    random: seededRandom(3),
    logger: silentLogger,
    metrics: noMetrics,
    onAccepted: (count) => accepted.push(count),
    onRejected: (code) => rejected.push(code),
    onClose: (reason) => closed.push(reason),
    ...options,
  });
  pool.clock.settle();
  const acceptedCount = () => accepted.reduce((sum, count) => sum + count, 0);
  return { pool, miner, acceptedCount, rejected, closed };
}

describe("a CPU miner", () => {
  it.each(["standard", "extended"] as const)("finds shares that a pool takes, on a %s channel", (kind) => {
    const { pool, miner, acceptedCount, rejected } = mining(kind);
    for (let second = 0; second < 20; second++) {
      if (second % 5 === 4) second % 2 === 0 ? pool.jobs.nextTip() : pool.jobs.next();
      pool.clock.advance(1_000);
    }
    pool.acknowledge();
    pool.clock.settle();
    expect(miner.submitted).toBeGreaterThan(5);
    expect(acceptedCount()).toBe(miner.submitted);
    expect(rejected).toEqual([]);
    expect(pool.complaints).toEqual([]);
  });

  it("keeps to its rate exactly, whatever the length of a slice", () => {
    const { pool, miner } = mining("extended", { hashesPerSecond: 333 });
    pool.clock.advance(30_000);
    expect(miner.hashes).toBeGreaterThanOrEqual(333 * 30 - 1);
    expect(miner.hashes).toBeLessThanOrEqual(333 * 30);
    expect(Math.abs(miner.hashrate - 333)).toBeLessThan(5);
  });

  it("finds blocks at the network's target", () => {
    const { pool } = mining("extended");
    pool.jobs.nextTip(targetFromNbits(nbitsFromTarget(maxTarget / 8_000n)));
    pool.clock.advance(30_000);
    expect(pool.blocks.length).toBeGreaterThan(0);
    for (const { hash, job } of pool.blocks) expect(bytesToTarget(hash) <= job.tip.target).toBe(true);
  });

  it("stops for good, with nothing left running", () => {
    const { pool, miner, closed } = mining("standard");
    pool.clock.advance(1_000);
    miner.stop();
    pool.clock.settle();
    const { hashes } = miner;
    pool.clock.advance(10_000);
    expect(miner.hashes).toBe(hashes);
    expect(miner.hashrate).toBe(0);
    expect(closed).toHaveLength(1);
    expect(pool.server.stats().channels).toBe(0);
  });

  it("asks again for a channel that was refused", () => {
    const { pool, miner } = mining("standard", {}, "no-template");
    pool.clock.advance(6_000);
    expect(miner.hashes).toBe(0);
    pool.refusal = null;
    pool.clock.advance(5_000);
    expect(miner.hashes).toBeGreaterThan(0);
  });

  it("hears that the pool closed the connection, and stops", () => {
    const { pool, miner, closed } = mining("extended");
    pool.clock.advance(1_000);
    pool.server.closeAll("shutting-down");
    pool.clock.settle();
    const { hashes } = miner;
    pool.clock.advance(10_000);
    expect(miner.hashes).toBe(hashes);
    expect(closed).toHaveLength(1);
  });
});

describe("a nonce search", () => {
  const job: ActiveJob = {
    jobId: 5,
    version: 1,
    versionRollingAllowed: true,
    // Mainnet block 125552.
    work: {
      kind: "standard",
      merkleRoot: Buffer.from("e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122b", "hex"),
    },
    prevHash: Buffer.from("81cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000", "hex"),
    nbits: 0x1a44b9f2,
    minNtime: 0,
    target: targetToBytes(targetFromNbits(0x1a44b9f2)),
  };

  it("stops at every nonce that meets the target and goes on behind it", () => {
    const search = new NonceSearch({ ...job, target: new Uint8Array(32).fill(0xff) }, new Uint8Array(0), 7);
    expect(search.try(10)).toEqual({ tried: 1, share: { jobId: 5, version: 1, ntime: 7, nonce: 0 } });
    expect(search.try(10)).toMatchObject({ tried: 1, share: { nonce: 1 } });
    expect(search.exhausted).toBe(false);
  });

  it("finds nothing where there is nothing", () => {
    const search = new NonceSearch(job, new Uint8Array(0), 0x4dd7f5c7);
    expect(search.try(5_000)).toEqual({ tried: 5_000, share: undefined });
    expect(search.try(0)).toEqual({ tried: 0, share: undefined });
  });
});

describe("a rate meter", () => {
  it("shows the rate of the last seconds, and forgets what was before them", () => {
    const meter = new RateMeter(500);
    meter.add(100, 600);
    expect(meter.rate(900)).toBe(0);
    expect(meter.rate(1_500)).toBe(100);
    for (let now = 1_500; now < 21_500; now += 100) meter.add(5, now);
    expect(meter.rate(21_500)).toBe(50);
    expect(meter.rate(60_000)).toBe(0);
  });
});
