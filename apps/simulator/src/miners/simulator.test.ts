import { native } from "@lode/native";
import { silentLogger, systemClock, systemRandom } from "@lode/ports";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ADDRESS, openLoopbackPool } from "../../test/loopback-pool.ts";
import { runSimulator, type Simulator, type SimulatorOptions } from "./simulator.ts";

const cleanUp: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

async function simulate(kind: SimulatorOptions["kind"], options: Partial<SimulatorOptions> = {}) {
  const pool = await openLoopbackPool();
  cleanUp.push(() => pool.close());
  const simulator: Simulator = runSimulator({
    endpoint: pool.endpoint,
    miners: 2,
    userIdentity: ADDRESS,
    kind,
    hashesPerSecond: 100,
    native,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    ...options,
  });
  cleanUp.push(() => simulator.stop());
  return { pool, simulator };
}

describe("simulated miners", () => {
  it.each(["standard", "extended"] as const)("mine on %s channels under names of their own", async (kind) => {
    const statuses: number[] = [];
    const { pool, simulator } = await simulate(kind, { onStatus: ({ accepted }) => statuses.push(accepted) });
    await vi.waitUntil(() => statuses.length > 0 && pool.sharesOf.size === 2, { timeout: 15_000 });
    expect([...pool.sharesOf.keys()].sort()).toEqual(["1", "2"]);
    expect(simulator.status()).toMatchObject({ miners: 2, connected: 2, rejected: 0, failures: 0 });
    await simulator.stop();
    expect(simulator.status().connected).toBe(0);
  });

  it("come back after their connections ended, and say why they were away", async () => {
    const { pool, simulator } = await simulate("extended");
    await vi.waitUntil(() => pool.server.stats().channels === 2, { timeout: 15_000 });
    pool.server.closeAll("maintenance");
    await vi.waitUntil(() => simulator.status().failures === 2, { timeout: 15_000 });
    expect(simulator.status().lastTrouble).toBe("peer-closed");
    await vi.waitUntil(() => pool.server.stats().channels === 2, { timeout: 15_000 });
    expect(simulator.status().connected).toBe(2);
  });

  it("keep trying where no pool is, until they are stopped", async () => {
    const { pool, simulator } = await simulate("standard", {
      endpoint: { host: "127.0.0.1", port: 1, authorityKey: null },
    });
    await vi.waitUntil(() => simulator.status().failures >= 3, { timeout: 15_000 });
    expect(simulator.status()).toMatchObject({ connected: 0, lastTrouble: "unreachable" });
    await simulator.stop();
    expect(pool.server.stats().channels).toBe(0);
  });
});
