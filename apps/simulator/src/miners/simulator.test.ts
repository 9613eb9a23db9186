import { native } from "@lode/native";
import { silentLogger, systemClock, systemRandom } from "@lode/ports";
import { generateKeypair } from "@lode/transport";
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
    expect(simulator.status()).toMatchObject({ miners: 2, mining: 2, rejected: 0, failures: 0 });
    await simulator.stop();
    expect(simulator.status().mining).toBe(0);
  });

  it("come back after their connections ended, and say why they were away", async () => {
    const heard: string[] = [];
    const { pool, simulator } = await simulate("extended", {
      onTrouble: (sentence) => heard.push(sentence),
      onAllMining: () => heard.push("mining"),
    });
    await vi.waitUntil(() => heard.length > 0, { timeout: 15_000 });
    pool.server.closeAll("shutting-down");
    await vi.waitUntil(() => simulator.status().failures === 2, { timeout: 15_000 });
    expect(simulator.status().lastTrouble).toBe("peer-closed");
    expect(heard).toEqual([
      "mining",
      "the pool closed the channel (shutting-down)",
      "the pool closed the connection",
    ]);
    await vi.waitUntil(() => heard.length === 4, { timeout: 15_000 });
    expect(heard.at(-1)).toBe("mining");
    expect(simulator.status()).toMatchObject({ mining: 2, lastTrouble: "" });
  });

  it("keep trying where no pool is, until they are stopped, and say so once, at once", async () => {
    const heard: string[] = [];
    const { pool, simulator } = await simulate("standard", {
      endpoint: { host: "127.0.0.1", port: 1, authorityKey: null },
      onTrouble: (sentence) => heard.push(sentence),
    });
    await vi.waitUntil(() => simulator.status().failures >= 3, { timeout: 15_000 });
    expect(simulator.status()).toMatchObject({ mining: 0, lastTrouble: "unreachable" });
    expect(heard).toEqual([expect.stringContaining("nothing listens at 127.0.0.1:1")]);
    await simulator.stop();
    expect(pool.server.stats().channels).toBe(0);
  });

  it("say that the key is another pool's", async () => {
    const heard: string[] = [];
    const pool = await openLoopbackPool();
    cleanUp.push(() => pool.close());
    const { publicKey } = generateKeypair(systemRandom);
    await simulate("extended", {
      endpoint: { ...pool.endpoint, authorityKey: publicKey },
      onTrouble: (sentence) => heard.push(sentence),
    });
    await vi.waitUntil(() => heard.length > 0, { timeout: 15_000 });
    expect(heard[0]).toContain("has another authority key than --connect says");
  });

  it("that are refused do not count as mining, and say why", async () => {
    const heard: string[] = [];
    const { simulator } = await simulate("extended", {
      userIdentity: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", // BIP173: of mainnet
      onTrouble: (sentence) => heard.push(sentence),
    });
    await vi.waitUntil(() => heard.length > 0, { timeout: 15_000 });
    expect(heard).toEqual([
      expect.stringMatching(/refuses bc1q.*\.[12] \(invalid-user-identity\): .*network/),
    ]);
    expect(simulator.status()).toMatchObject({
      mining: 0,
      failures: 0,
      lastTrouble: "invalid-user-identity",
    });
  });
});
