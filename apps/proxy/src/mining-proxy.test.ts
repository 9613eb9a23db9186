import { maxTarget } from "@lode/bitcoin";
import { Prng } from "@lode/testing/random";
import { CgMiner, EspMinerV1, NerdMiner, OddMiner } from "@lode/testing/sv1";
import { describe, expect, it } from "vitest";
import { ACCOUNT, OPERATOR, ProxyWorld } from "../test/proxy-world.ts";

const everyDevice = [CgMiner, EspMinerV1, NerdMiner, OddMiner];

describe("a proxy between Stratum V1 devices and a Stratum V2 pool", () => {
  const named = everyDevice.map((Device) => ({ Device, name: Device.name }));
  it.each(named)(
    "$name mines through tips, fees and retargets without a wrong rejection",
    async ({ Device }) => {
      const world = new ProxyWorld();
      await world.run(1);
      const device = world.add(Device, { hashesPerSecond: 160 });
      for (let minute = 0; minute < 40; minute++) {
        await world.run(55);
        if (minute % 5 === 4) world.nextTip();
        else if (minute % 2 === 0) world.pools[0]!.jobs.next();
        await world.run(5);
      }
      expect(device.violations).toEqual([]);
      expect(device.accepted).toBeGreaterThan(100);
      // Work that was on its way when a block came is stale; nothing else is refused.
      const wrong = [...device.refused.keys()].filter((reason) => !reason.startsWith("21 "));
      expect(wrong).toEqual([]);
      expect(device.unanswered.size).toBe(0);
      expect(new Set(device.difficulties).size).toBeGreaterThan(1);
      expect(world.pools[0]!.complaints).toEqual([]);
    },
  );

  it("credits every share to the account that its device authorized with", async () => {
    const world = new ProxyWorld();
    const credited = new Map<string, number>();
    const { server } = world.pools[0]!;
    const acknowledge = server.acknowledge.bind(server);
    server.acknowledge = (shares) => {
      for (const { identity } of shares) {
        const key = `${identity.address}.${identity.worker}`;
        credited.set(key, (credited.get(key) ?? 0) + 1);
      }
      acknowledge(shares);
    };
    await world.run(1);
    const devices = everyDevice.map((Device) => world.add(Device));
    await world.run(600);
    for (const [index, device] of devices.entries()) {
      expect(device.accepted).toBeGreaterThan(10);
      expect(credited.get(`${ACCOUNT}.rig${index}`)).toBe(device.accepted);
    }
    expect(credited.get(`${OPERATOR}.lobby`)).toBeUndefined();
  });

  it("tells the pool's answer and no other: unanswered shares end the connection, never with a true", async () => {
    const world = new ProxyWorld();
    await world.run(1);
    const device = world.add(CgMiner);
    await world.run(60);
    world.answering = false;
    const before = device.accepted;
    await world.run(60);
    expect(device.accepted).toBe(before);
    expect(world.wires[0]!.ended).toBe("no-answer");
    expect(device.unanswered.size).toBeGreaterThan(0);
  });

  it("says true to nothing that a pool has lost, in fifty deaths of the pool under load", async () => {
    const world = new ProxyWorld({ commitMs: 700 });
    let durable = 0;
    const { server } = world.pools[0]!;
    const acknowledge = server.acknowledge.bind(server);
    server.acknowledge = (shares) => {
      durable += shares.length;
      acknowledge(shares);
    };
    await world.run(1);
    const devices = everyDevice.map((Device) => world.add(Device, { hashesPerSecond: 400 }));
    const prng = new Prng(7);
    let lost = 0;
    for (let death = 0; death < 50; death++) {
      await world.run(5 + prng.below(8_000) / 1000);
      lost += world.pools[0]!.shares.length;
      world.kill();
      await world.run(3);
    }
    const accepted = devices.reduce((sum, device) => sum + device.accepted, 0);
    expect(lost).toBeGreaterThan(5);
    expect(accepted).toBeGreaterThan(100);
    expect(accepted).toBeLessThanOrEqual(durable);
    expect(world.wires.map(({ ended }) => ended)).toEqual([null, null, null, null]);
    // What was lost is said to be lost, and nothing else is refused but what a death overtakes.
    const reasons = new Set(devices.flatMap((device) => [...device.refused.keys()]));
    const excuses = [/^20 the connection to the pool broke/, /^20 no pool is reachable/, /^21 /];
    expect([...reasons].filter((reason) => !excuses.some((excuse) => excuse.test(reason)))).toEqual([]);
  });

  it("refuses names that the pool cannot pay, in words, without asking twice", async () => {
    const world = new ProxyWorld();
    await world.run(1);
    world.add(NerdMiner, { user: "nobody" });
    world.add(NerdMiner, { user: "nobody" });
    const [first, second] = world.devices;
    await world.run(1);
    expect(first!.violations[0]).toMatch(
      /^refused: \[24,"the pool does not know this name: use ADDRESS.WORKER/,
    );
    await world.run(1);
    const third = world.add(NerdMiner, { user: "nobody" });
    await world.run(1);
    expect(third.violations).toEqual(second!.violations);
    expect(world.pools[0]!.complaints).toEqual([]);
  });

  it("hands in a block that nobody is paid for: before the authorization, and on a job that is over", async () => {
    const world = new ProxyWorld();
    const pool = world.pools[0]!;
    // Every hash is a block.
    pool.jobs.nextTip(maxTarget);
    await world.run(1);
    const silent = world.add(NerdMiner, { user: "nobody", hashesPerSecond: 400 });
    await world.run(3);
    expect(silent.accepted).toBe(0);
    expect(pool.blocks.length).toBeGreaterThan(0);
    expect(pool.blocks[0]!.identity.worker).toBe("lobby");
  });

  it("judges shares before the pool does: the same one twice, and one without its work", async () => {
    const world = new ProxyWorld();
    await world.run(1);
    const device = world.add(CgMiner);
    const wire = world.wires[0]!;
    const write = wire.write.bind(wire);
    const submits: string[] = [];
    wire.write = (text) => {
      if (text.includes("mining.submit")) submits.push(text);
      write(text);
    };
    await world.run(60);
    const before = world.pools[0]!.server.stats();
    const answers: string[] = [];
    wire.onText = (text) => answers.push(text);
    write(submits.at(-1)!);
    write(submits.at(-1)!.replace(/"([0-9a-f]{8})", ?"([0-9a-f]{8})"\]/, '"00000000","$2"]'));
    await world.run(1);
    expect(device.accepted).toBeGreaterThan(0);
    expect(answers.join("")).toMatch(/\[22,"this share was handed in before",null\]/);
    expect(answers.join("")).toMatch(/\[23,"the share is easier than difficulty [0-9.e-]+",null\]/);
    expect(world.pools[0]!.server.stats().rejected).toBe(before.rejected);
  });

  it("has a wish for a difficulty reach the pool, by password and by suggestion", async () => {
    const world = new ProxyWorld();
    await world.run(1);
    const hard = 2 ** -24;
    const wisher = world.add(CgMiner, { password: `x,d=${hard}` });
    await world.run(120);
    expect(Math.min(...wisher.difficulties.slice(1))).toBeGreaterThanOrEqual(hard);
  });

  it("closes the channel of a device that leaves, also before it was open", async () => {
    const world = new ProxyWorld();
    await world.run(1);
    const stays = world.add(CgMiner);
    const leaves = world.add(EspMinerV1);
    await world.run(2);
    expect(world.proxy.status().miners).toHaveLength(2);
    world.wires[1]!.hangUp();
    const hasty = world.add(EspMinerV1);
    world.clock.settle();
    world.wires[2]!.hangUp();
    await world.run(2);
    expect(world.proxy.status().miners).toHaveLength(1);
    expect(world.pools[0]!.server.stats().channels).toBe(2); // the lobby's and one miner's
    for (const { violations } of [stays, leaves, hasty]) expect(violations).toEqual([]);
  });
});

describe("a proxy with several pools", () => {
  it("moves its miners to the next pool and back without closing a connection", async () => {
    const world = new ProxyWorld({ pools: 2, settings: { answerMs: 60_000 } });
    await world.run(1);
    const devices = everyDevice.map((Device) => world.add(Device));
    await world.run(60);
    expect(world.proxy.status().upstream).toBe("pool-0");
    // The first pool goes away.
    world.down.add(0);
    const drained = world.pools[0]!.server.drain({ windowMs: 0 });
    await world.run(30);
    await drained;
    expect(world.proxy.status().upstream).toBe("pool-1");
    const before = devices.map(({ accepted }) => accepted);
    await world.run(60);
    for (const [index, device] of devices.entries()) expect(device.accepted).toBeGreaterThan(before[index]!);
    expect(world.wires.map(({ ended }) => ended)).toEqual([null, null, null, null]);
    for (const { violations } of devices) expect(violations).toEqual([]);
  });

  it("returns to the preferred pool once that has been back for a while, and loses no answer on the way", async () => {
    const world = new ProxyWorld({ pools: 2, down: [0] });
    await world.run(1);
    expect(world.proxy.status().upstream).toBe("pool-1");
    const devices = everyDevice.map((Device) => world.add(Device));
    await world.run(60);
    world.down.delete(0);
    await world.run(15);
    expect(world.proxy.status().upstream).toBe("pool-1");
    await world.run(60);
    expect(world.proxy.status().upstream).toBe("pool-0");
    expect(world.pools[1]!.server.stats().channels).toBe(0);
    // What was handed in just now is still under way.
    const underWay = devices.map(({ unanswered }) => [...unanswered]);
    await world.run(1);
    for (const [index, device] of devices.entries()) {
      expect(device.violations).toEqual([]);
      expect([...device.refused.keys()].filter((reason) => !reason.startsWith("21 "))).toEqual([]);
      expect(underWay[index]!.filter((id) => device.unanswered.has(id))).toEqual([]);
    }
    expect(world.wires.map(({ ended }) => ended)).toEqual([null, null, null, null]);
  });

  it("turns newcomers away without a pool, and sends its miners to their backups after a while", async () => {
    const world = new ProxyWorld();
    expect(world.proxy.admit()).toBe("no-pool");
    await world.run(1);
    expect(world.proxy.admit()).toBeNull();
    world.add(CgMiner);
    await world.run(10);
    world.down.add(0);
    await Promise.all([world.pools[0]!.server.drain({ windowMs: 0 }), world.run(20)]);
    expect([world.proxy.admit(), world.wires[0]!.ended]).toEqual(["no-pool", null]);
    await world.run(60);
    expect(world.wires[0]!.ended).toBe("no-pool");
  });

  it("drains: every connection ends, after its answers", async () => {
    const world = new ProxyWorld();
    await world.run(1);
    const device = world.add(CgMiner);
    await world.run(30);
    const drained = world.proxy.drain(1_000);
    await world.run(10);
    await drained;
    expect(world.wires[0]!.ended).toBe("draining");
    expect(device.unanswered.size).toBe(0);
    expect(world.pools[0]!.server.stats().channels).toBe(0);
  });
});
