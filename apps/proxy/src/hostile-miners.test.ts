import { CgMiner, EspMinerV1, type Sv1Device, Sv1Wire } from "@lode/testing/sv1";
import { describe, expect, it } from "vitest";
import { ACCOUNT, ProxyWorld } from "../test/proxy-world.ts";

/** A connection whose other end is a script. */
function script(world: ProxyWorld): Sv1Wire & { readonly lines: string[] } {
  const wire = Object.assign(new Sv1Wire(world.clock), { lines: [] as string[] });
  wire.onText = (text) => wire.lines.push(...text.trimEnd().split("\n"));
  world.proxy.accept(wire);
  return wire;
}

const say = (wire: Sv1Wire, id: number, method: string, params: unknown[]) =>
  wire.write(`${JSON.stringify({ id, method, params })}\n`);

/** The newest job id, as the server told it. */
function jobId(lines: readonly string[]): unknown {
  const notify = lines.findLast((line) => line.includes("mining.notify") && !line.includes('"result"'));
  return (JSON.parse(notify ?? '{"params":["0"]}') as { params: unknown[] }).params[0];
}

/** Mischief for a second of the world. */
const mischief: Readonly<
  Record<string, (world: ProxyWorld, wire: ReturnType<typeof script>, second: number) => void>
> = {
  "shares without work"(_world, wire, second) {
    if (second === 0) {
      say(wire, 1, "mining.subscribe", []);
      say(wire, 2, "mining.authorize", [`${ACCOUNT}.bad`]);
    }
    for (let n = 0; n < 20; n++) {
      const nonce = (second * 20 + n).toString(16).padStart(8, "0");
      say(wire, 3, "mining.submit", ["x", jobId(wire.lines), "00".repeat(8), "7fffffff", nonce]);
      say(wire, 3, "mining.submit", ["x", jobId(wire.lines), "ff".repeat(8), "6b0dfc47", nonce]);
    }
  },
  "names that nobody knows"(world) {
    for (let n = 0; n < 17; n++) {
      const wire = script(world);
      say(wire, 1, "mining.subscribe", []);
      say(wire, 2, "mining.authorize", [`nobody-${Math.trunc(world.clock.monotonic())}-${n}`]);
      world.clock.after(500, () => wire.hangUp());
    }
  },
  "coming and going"(world) {
    for (let n = 0; n < 20; n++) {
      const wire = script(world);
      say(wire, 1, "mining.subscribe", []);
      say(wire, 2, "mining.authorize", [`${ACCOUNT}.visitor${n}`]);
      world.clock.after(n % 2 === 0 ? 5 : 200, () => wire.hangUp());
    }
  },
  "noise and wishes"(_world, wire, second) {
    if (second === 0) {
      say(wire, 1, "mining.subscribe", []);
      say(wire, 2, "mining.authorize", [`${ACCOUNT}.noise`]);
    }
    wire.write('{"id":1,"method":"mining.submit","params":[[[[]]]]}\n{{{\n');
    for (let n = 1; n < 20; n++) say(wire, n, "mining.suggest_difficulty", [n * 1e9]);
  },
};

describe("hostile miners behind a proxy", () => {
  it.each(Object.keys(mischief))("cost others nothing: %s", async (kind) => {
    const world = new ProxyWorld();
    await world.run(1);
    const honest: Sv1Device[] = Array.from({ length: 6 }, (_, index) =>
      world.add(index % 2 === 0 ? CgMiner : EspMinerV1),
    );
    await world.run(10);
    let wire = script(world);
    for (let second = 0, since = 0; second < 600; second++, since++) {
      mischief[kind]!(world, wire, since);
      await world.run(1);
      if (second % 120 === 60) world.nextTip();
      if (wire.ended !== null) {
        // It comes back at once.
        wire = script(world);
        since = -1;
      }
    }
    expect(world.pools[0]!.complaints).toEqual([]);
    expect(world.proxy.status().upstream).toBe("pool-0");
    for (const device of honest) {
      expect(device.violations).toEqual([]);
      expect([...device.refused.keys()].filter((reason) => !reason.startsWith("21 "))).toEqual([]);
      expect(device.accepted).toBeGreaterThan(10);
    }
    expect(world.wires.map(({ ended }) => ended)).toEqual(honest.map(() => null));
    // Nothing of it is left: the lobby and the honest ones, and at most those who are there at this moment.
    expect(world.pools[0]!.server.stats().channels).toBeLessThanOrEqual(honest.length + 2 + 20);
  });

  it("cannot keep a newcomer with a good name out for long by trying bad ones", async () => {
    const world = new ProxyWorld();
    await world.run(1);
    const regular = world.add(CgMiner);
    await world.run(5);
    world.wires[0]!.hangUp();
    for (let second = 0; second < 60; second++) {
      mischief["names that nobody knows"]!(world, null as never, second);
      await world.run(1);
    }
    // Who has mined here before is always let in.
    const back = world.add(CgMiner, { user: `${ACCOUNT}.rig0` });
    await world.run(20);
    expect([regular.violations, back.violations]).toEqual([[], []]);
    expect(back.accepted).toBeGreaterThan(0);
  });
});

describe("fifty addresses behind a proxy", () => {
  it("each get their own shares, whatever the order of their handshakes", async () => {
    const { addressOfScript } = await import("@lode/bitcoin");
    const world = new ProxyWorld();
    const credited = new Map<string, number>();
    const { server } = world.pools[0]!;
    const acknowledge = server.acknowledge.bind(server);
    server.acknowledge = (shares) => {
      for (const { identity } of shares)
        credited.set(identity.address, (credited.get(identity.address) ?? 0) + 1);
      acknowledge(shares);
    };
    await world.run(1);
    const devices = Array.from({ length: 50 }, (_, index) => {
      const script = Uint8Array.of(0, 20, ...new Uint8Array(20).fill(index + 1));
      const address = addressOfScript(script, "regtest")!;
      return { address, device: world.add(index % 2 === 0 ? CgMiner : EspMinerV1, { user: `${address}.w` }) };
    });
    await world.run(300);
    for (const { address, device } of devices) {
      expect(device.violations).toEqual([]);
      expect(credited.get(address) ?? 0).toBe(device.accepted);
    }
    expect(devices.filter(({ device }) => device.accepted > 0).length).toBe(50);
    expect(credited.size).toBe(50);
  });
});
