import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { native, sealedFrameSize } from "@lode/native";
import { type Clock, type Metrics, noMetrics, silentLogger, systemClock, systemRandom } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { afterEach, describe, expect, it, vi } from "vitest";
import vectors from "../../vectors/proxy-protocol.json" with { type: "json" };
import type { FrameConnection } from "../connection/frame-connection.ts";
import { readExactly } from "../connection/read-exactly.ts";
import { loadCurve } from "../curve/load-curve.ts";
import { createInlineHandshaker } from "../handshaker/inline.ts";
import { ServerIdentity } from "../identity/server-identity.ts";
import { generateHandshakeKey, generateKeypair } from "../keys/keypair.ts";
import { Initiator } from "../noise/initiator.ts";
import { ACT2_SIZE } from "../noise/responder.ts";
import { PROVEN_AFTER_MS } from "./admission.ts";
import { listen } from "./listen.ts";
import type { ConnectionWatch, ListenOptions } from "./listen-options.ts";

const handshaker = createInlineHandshaker(
  ServerIdentity.create({
    authoritySecret: generateKeypair(systemRandom).secretKey,
    random: systemRandom,
    clock: systemClock,
  }),
  { random: systemRandom },
);
const LOCALHOST = ["127.0.0.0/8"];
const SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
const FRAME = Uint8Array.of(0, 0, 1, 2, 0, 0, 7, 7);

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

const until = (condition: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 15_000, interval: 1 });

/** A PROXY header for a connection from an IPv4 address. */
const proxied = (address: string): Buffer =>
  Buffer.concat([
    SIGNATURE,
    Buffer.of(0x21, 0x11, 0, 12, ...address.split(".").map(Number), 10, 0, 0, 1, 0x1f, 0x90, 0x0d, 0x05),
  ]);
/** What a load balancer sends when it connects for itself. */
const LOCAL = Buffer.concat([SIGNATURE, Buffer.of(0x20, 0, 0, 0)]);

/** A listener, what it counts (`metric reason` → value) and its connections. */
async function serve(options: Partial<ListenOptions> = {}) {
  const counts = new Map<string, number>();
  const gauges = new Map<string, () => number>();
  const metrics: Metrics = {
    ...noMetrics,
    counter(name, _help, labels = {}) {
      const key = `${name.replace(/^lode_|_total$/g, "")} ${labels["reason"] ?? ""}`.trim();
      return { inc: (value = 1) => counts.set(key, (counts.get(key) ?? 0) + value) };
    },
    gauge(name, _help, _labels, read) {
      if (read !== undefined) gauges.set(name, read);
      return { set() {} };
    },
  };
  const connections: FrameConnection[] = [];
  const frames: number[] = [];
  const listener = await listen({
    host: "127.0.0.1",
    port: 0,
    handshaker,
    native,
    clock: systemClock,
    logger: silentLogger,
    metrics,
    maxLength: () => undefined,
    onConnection: (connection) => {
      connections.push(connection);
      opened.push({ close: () => connection.destroy("test-over") });
      connection.start({ onFrame: ({ msgType }) => void frames.push(msgType), onClose() {} });
    },
    ...options,
  });
  opened.push(listener);
  return { listener, counts, gauges, connections, frames };
}

function call(port: number): Socket {
  const socket = connect(port, "127.0.0.1").on("error", () => {});
  opened.push({ close: () => socket.destroy() });
  return socket;
}

/** The peer's side of a handshake, behind whatever was written before; returns what seals its frames. */
async function shake(socket: Socket): Promise<(frame: Uint8Array) => Uint8Array> {
  const curve = loadCurve();
  const initiator = new Initiator(curve, generateHandshakeKey(curve, systemRandom));
  socket.write(initiator.act1);
  const { sendKey } = initiator.readAct2(await readExactly(socket, ACT2_SIZE));
  const cipher = native.createCipher(sendKey);
  socket.resume();
  return (frame) => {
    const sealed = new Uint8Array(sealedFrameSize(frame.length - 6));
    cipher.sealFrame(frame, sealed, 0);
    return sealed;
  };
}

describe("behind a load balancer", () => {
  it("a connection has the address that its PROXY header tells", async () => {
    const { listener, connections, frames } = await serve({ proxyProtocolFrom: LOCALHOST });
    const client = call(listener.port);
    client.write(proxied("192.0.2.7"));
    const seal = await shake(client);
    client.write(seal(FRAME));
    await until(() => frames.length === 1);
    expect(connections.map(({ remoteAddress }) => remoteAddress)).toEqual(["192.0.2.7"]);
  });

  it("headers may come byte by byte, or in one piece with what follows", async () => {
    const { listener, connections } = await serve({ proxyProtocolFrom: ["127.0.0.1"] });
    const slow = call(listener.port).setNoDelay();
    for (const byte of proxied("192.0.2.8")) {
      slow.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await shake(slow);
    const aws = vectors.headers.find(({ name }) => name.startsWith("AWS"))!;
    const quick = call(listener.port);
    quick.cork();
    quick.write(Buffer.from(aws.hex, "hex"));
    process.nextTick(() => quick.uncork());
    await shake(quick);
    await until(() => connections.length === 2);
    expect(connections.map(({ remoteAddress }) => remoteAddress)).toEqual(["192.0.2.8", aws.address]);
  });

  it("limits count the real addresses, not the load balancer's", async () => {
    const asked: string[] = [];
    const { listener, counts, connections } = await serve({
      proxyProtocolFrom: LOCALHOST,
      limits: { connectionsPerSubnet: 1 },
      admit: (address) => {
        asked.push(address);
        return address === "203.0.113.66" ? "banned" : null;
      },
    });
    const arrive = (address: string): Socket => {
      const socket = call(listener.port);
      socket.write(proxied(address));
      return socket;
    };
    await shake(arrive("192.0.2.1"));
    await shake(arrive("192.0.2.2"));
    for (const address of ["192.0.2.1", "203.0.113.66"]) {
      const refused = arrive(address).resume();
      await until(() => refused.closed);
    }
    await until(() => connections.length === 2);
    expect(counts.get("connections_refused too-many-connections-per-subnet")).toBe(1);
    expect(counts.get("connections_refused banned")).toBe(1);
    expect(asked).toEqual(["192.0.2.1", "192.0.2.2", "192.0.2.1", "203.0.113.66"]);
    expect(listener.connections).toBe(2);
  });

  it("probes are no failures, and are not counted per subnet or asked about", async () => {
    const { listener, counts } = await serve({
      proxyProtocolFrom: LOCALHOST,
      limits: { connectionsPerSubnet: 1 },
      admit: () => "banned",
    });
    for (const [index, bytes] of [null, LOCAL, LOCAL].entries()) {
      const probe = call(listener.port).resume();
      await once(probe, "connect");
      if (bytes !== null) probe.write(bytes);
      probe.end();
      await until(() => counts.get("connection_probes") === index + 1);
    }
    const reset = call(listener.port);
    await once(reset, "connect");
    reset.resetAndDestroy();
    await until(() => counts.get("connection_probes") === 4);
    await until(() => listener.connections === 0);
    expect([...counts.keys()].filter((key) => /failures|refused/.test(key))).toEqual([]);
  });

  it("clients that it calls its own are one source: bounded, asked about and struck by its address", async () => {
    const ended = vi.fn();
    let banned = false;
    const { listener, counts, connections } = await serve({
      proxyProtocolFrom: LOCALHOST,
      limits: { connectionsPerSubnet: 2 },
      admit: (address) => (banned && address === "127.0.0.1" ? "banned" : null),
      watch: { proven: vi.fn(), ended },
    });
    const arrive = (): Socket => {
      const socket = call(listener.port);
      socket.write(LOCAL);
      return socket;
    };
    for (const client of [arrive(), arrive()]) await shake(client);
    await until(() => connections.length === 2);
    expect(connections.map(({ remoteAddress }) => remoteAddress)).toEqual(["127.0.0.1", "127.0.0.1"]);
    const third = arrive().resume();
    third.write(Buffer.of(0xfe));
    await until(() => third.closed);
    expect(counts.get("connections_refused too-many-connections-per-subnet")).toBe(1);
    connections[0]?.destroy("protocol-error");
    await until(() => listener.connections === 1);
    expect(ended).toHaveBeenCalledWith("127.0.0.1", "protocol-error", expect.any(Boolean));
    banned = true;
    const fourth = arrive().resume();
    fourth.write(Buffer.of(0xfe));
    await until(() => fourth.closed);
    expect(counts.get("connections_refused banned")).toBe(1);
  });

  it.each([
    ["proxy-header-missing", Buffer.alloc(64, 200)],
    ["proxy-header-version-1", Buffer.from("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")],
    ["proxy-header-invalid", Buffer.concat([SIGNATURE, Buffer.of(0x31, 0x11, 0, 12)])],
    ["proxy-header-too-long", Buffer.concat([SIGNATURE, Buffer.of(0x21, 0x11, 0xff, 0xff)])],
    ["proxy-header-too-short", Buffer.concat([SIGNATURE, Buffer.of(0x21, 0x11, 0, 4, 1, 2, 3, 4)])],
    ["http-peer", Buffer.concat([proxied("192.0.2.1"), Buffer.from("GET / HTTP/1.1\r\n\r\n")])],
    [
      "proxy-header-unexpected",
      Buffer.concat([proxied("192.0.2.1"), proxied("192.0.2.2"), Buffer.alloc(99)]),
    ],
  ])("what is wrong is told: %s", async (reason, bytes) => {
    const warn = vi.fn();
    const info = vi.fn();
    const { listener, counts } = await serve({
      proxyProtocolFrom: LOCALHOST,
      logger: { ...silentLogger, warn, info },
    });
    const client = call(listener.port).resume();
    client.write(bytes);
    await until(() => client.closed);
    await until(() => counts.get(`handshake_failures ${reason}`) === 1);
    expect([...warn.mock.calls, ...info.mock.calls]).toEqual([
      [expect.objectContaining({ reason }), "handshake failed"],
    ]);
    expect(warn.mock.calls.length).toBe(reason.startsWith("proxy") ? 1 : 0);
    await until(() => listener.connections === 0);
  });

  it("the header has to come within the handshake's time", async () => {
    const time = new VirtualClock();
    const clock: Clock = { ...systemClock, after: (ms, callback) => time.after(ms, callback) };
    const { listener, counts } = await serve({ proxyProtocolFrom: LOCALHOST, clock });
    const client = call(listener.port).resume();
    client.write(proxied("192.0.2.1").subarray(0, 20));
    await until(() => time.pendingTimers === 1);
    time.advance(10_000);
    await until(() => client.closed);
    await until(() => counts.get("handshake_failures handshake-timeout") === 1);
  });
});

describe("without a load balancer", () => {
  it("nobody may tell another address", async () => {
    const { listener, counts, connections } = await serve({ proxyProtocolFrom: ["10.0.0.0/8"] });
    const liar = call(listener.port).resume();
    liar.write(Buffer.concat([proxied("192.0.2.1"), Buffer.alloc(64, 7)]));
    await until(() => liar.closed);
    await until(() => counts.get("handshake_failures proxy-header-unexpected") === 1);
    await shake(call(listener.port));
    await until(() => connections.length === 1);
    expect(connections[0]?.remoteAddress).toBe("127.0.0.1");
  });

  it("TLS is told from a key", async () => {
    const { listener, counts } = await serve();
    const client = call(listener.port).resume();
    client.write(Buffer.concat([Buffer.from("16030102000100", "hex"), Buffer.alloc(100, 3)]));
    await until(() => counts.get("handshake_failures tls-peer") === 1);
  });

  it("a peer that only looks is a probe", async () => {
    const { listener, counts } = await serve();
    call(listener.port).end();
    await until(() => counts.get("connection_probes") === 1);
    expect([...counts.keys()]).toEqual(["connection_probes"]);
    await until(() => listener.connections === 0);
  });

  it("listed addresses are exempt from the bounds per subnet", async () => {
    const { listener, connections } = await serve({
      exemptFrom: LOCALHOST,
      limits: { connectionsPerSubnet: 1 },
    });
    await Promise.all([shake(call(listener.port)), shake(call(listener.port))]);
    await until(() => connections.length === 2);
  });

  it("a list that cannot be read is told at once", async () => {
    for (const options of [{ proxyProtocolFrom: ["everywhere"] }, { exemptFrom: ["everywhere"] }]) {
      await expect(serve(options)).rejects.toThrow(
        expect.objectContaining({ type: { code: "invalid-address-range", entry: "everywhere" } }),
      );
    }
  });
});

describe("where handshakes are full", () => {
  it("peers that say nothing make room for newcomers", async () => {
    const time = new VirtualClock();
    const clock: Clock = {
      ...systemClock,
      monotonic: () => time.monotonic(),
      after: (ms, callback) => time.after(ms, callback),
    };
    const { listener, counts, connections, gauges } = await serve({ clock, limits: { handshakes: 20 } });
    const silent = Array.from({ length: 20 }, () => call(listener.port).resume());
    await until(() => gauges.get("lode_handshakes_in_flight")?.() === 20);
    const early = call(listener.port).resume();
    await until(() => early.closed);
    expect(counts.get("connections_refused too-many-handshakes")).toBe(1);
    time.advance(2_000);
    for (let i = 1; i <= 5; i++) {
      await shake(call(listener.port));
      await until(() => connections.length === i);
    }
    // One slot was enough: each newcomer gave it back.
    expect(counts.get("handshake_failures handshake-evicted")).toBe(1);
    expect(silent.filter(({ closed }) => closed).length).toBeLessThanOrEqual(1);
  });
});

describe("a listener's watch", () => {
  function watched() {
    const told: string[] = [];
    const watch: ConnectionWatch = {
      proven: (address) => told.push(`proven ${address}`),
      ended: (address, reason, proven) => told.push(`ended ${address} ${reason} ${proven}`),
    };
    const time = new VirtualClock();
    const clock: Clock = {
      ...systemClock,
      monotonic: () => time.monotonic(),
      after: (ms, callback) => time.after(ms, callback),
      every: (ms, callback) => time.every(ms, callback),
    };
    return { told, watch, time, clock };
  }

  it("hears who has proven itself, and every end", async () => {
    const { told, watch, time, clock } = watched();
    const { listener, frames } = await serve({ watch, clock });
    const client = call(listener.port);
    const seal = await shake(client);
    client.write(Buffer.concat([seal(FRAME), seal(FRAME)]));
    await until(() => frames.length === 2);
    time.advance(PROVEN_AFTER_MS);
    expect(told).toEqual([]);
    client.write(seal(FRAME));
    await until(() => frames.length === 3);
    time.advance(10_000);
    expect(told).toEqual(["proven 127.0.0.1"]);
    client.end();
    await until(() => told.length === 2);
    expect(told[1]).toBe("ended 127.0.0.1 peer-closed true");
    await listener.close();
    expect(time.pendingTimers).toBe(0);
  });

  it("hears the reasons of roles and of the transport, which are logged as well", async () => {
    const { told, watch } = watched();
    const info = vi.fn();
    const { listener, connections } = await serve({ watch, logger: { ...silentLogger, info } });
    const client = call(listener.port);
    await shake(client);
    await until(() => connections.length === 1);
    connections[0]?.close("protocol-error");
    await until(() => told.length === 1);
    const forger = call(listener.port);
    await shake(forger);
    forger.write(new Uint8Array(22));
    await until(() => told.length === 2);
    expect(told).toEqual(["ended 127.0.0.1 protocol-error false", "ended 127.0.0.1 forged-header false"]);
  });
});

describe("connections that send too fast", () => {
  it("are counted and logged", async () => {
    const info = vi.fn();
    const time = new VirtualClock();
    const clock: Clock = {
      ...systemClock,
      monotonic: () => time.monotonic(),
      after: (ms, callback) => time.after(ms, callback),
    };
    const { listener, counts, gauges, frames } = await serve({
      clock,
      logger: { ...silentLogger, info },
      limits: { reading: { bytes: { burst: 1e9, perSecond: 1e9 }, frames: { burst: 10, perSecond: 10 } } },
    });
    const client = call(listener.port);
    const seal = await shake(client);
    client.write(Buffer.concat(Array.from({ length: 30 }, () => seal(FRAME))));
    await until(() => counts.get("connections_throttled") === 1);
    expect(gauges.get("lode_connections_throttled")?.()).toBe(1);
    expect(info.mock.calls).toEqual([
      [
        { conn_id: expect.any(Number), remote_address: "127.0.0.1", pause_ms: 2_000 },
        "a connection sends too fast; it is not read for a moment",
      ],
    ]);
    time.advance(2_000);
    expect(gauges.get("lode_connections_throttled")?.()).toBe(0);
    await until(() => frames.length === 30);
  });
});
