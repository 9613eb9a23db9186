import { Bitaxe, BraiinsOs, NerdQAxe, Scale, type ScriptedPeer } from "@lode/testing/peers";
import { CgMiner } from "@lode/testing/sv1";
import { memoryPair } from "@lode/transport/testing";
import { describe, expect, it } from "vitest";
import { ACCOUNT, ProxyWorld } from "../../test/proxy-world.ts";

/** A scripted Stratum V2 device behind the proxy. */
function join<P extends ScriptedPeer>(world: ProxyWorld, make: (options: never) => P, name: string): P {
  const [server, client] = memoryPair(world.clock);
  world.proxy.acceptSv2(server);
  const options = {
    connection: client,
    clock: world.clock,
    name,
    user: `${ACCOUNT}.${name}`,
    scale: new Scale(),
    hashrate: 1.2e12,
  };
  return make(options as never);
}

const devices: readonly { readonly name: string; readonly make: (options: never) => ScriptedPeer }[] = [
  {
    name: "bitaxe-extended",
    make: (options) => new Bitaxe({ ...(options as object), kind: "extended" } as never),
  },
  {
    name: "bitaxe-standard",
    make: (options) => new Bitaxe({ ...(options as object), kind: "standard" } as never),
  },
  { name: "braiins", make: (options) => new BraiinsOs(options) },
  { name: "nerdqaxe", make: (options) => new NerdQAxe(options) },
];

describe("a Stratum V2 miner behind the proxy", () => {
  it.each(devices)("$name mines as at the pool itself", async ({ name, make }) => {
    const world = new ProxyWorld();
    await world.run(1);
    const device = join(world, make, name);
    const old = world.add(CgMiner);
    for (let minute = 0; minute < 20; minute++) {
      await world.run(60);
      if (minute % 5 === 4) world.nextTip();
    }
    device.judge();
    const accepted = device.books.reduce((sum, book) => sum + book.accepted, 0);
    expect(accepted).toBeGreaterThan(20);
    expect([...old.refused.keys()].filter((reason) => !reason.startsWith("21 "))).toEqual([]);
    expect(world.pools[0]!.complaints).toEqual([]);
    expect(world.proxy.status().sv2_connections).toBe(1);
  });

  it("comes again when the pool changes, and its channels are closed upstream when it leaves", async () => {
    const world = new ProxyWorld({ pools: 2 });
    await world.run(1);
    const device = join(world, devices[0]!.make, "one");
    await world.run(30);
    expect(world.pools[0]!.server.stats().channels).toBe(2);
    world.down.add(0);
    await Promise.all([world.pools[0]!.server.drain({ windowMs: 0 }), world.run(20)]);
    expect(device.closed).not.toBeNull();
    const again = join(world, devices[0]!.make, "two");
    await world.run(60);
    expect(world.pools[1]!.server.stats().channels).toBe(2);
    expect(again.closed).toBeNull();
  });
});

describe("a proxy behind a proxy", () => {
  it("carries shares of Stratum V1 devices to the pool", async () => {
    const outer = new ProxyWorld();
    await outer.run(1);
    const inner = new ProxyWorld({ pools: 0, through: outer });
    await outer.run(1);
    const device = inner.add(CgMiner);
    await outer.run(300);
    expect(device.violations).toEqual([]);
    expect(device.accepted).toBeGreaterThan(5);
    expect([...device.refused.keys()].filter((reason) => !reason.startsWith("21 "))).toEqual([]);
  });
});
