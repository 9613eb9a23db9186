import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { native } from "@lode/native";
import {
  type Clock,
  CodedError,
  type Metrics,
  noMetrics,
  silentLogger,
  systemClock,
  systemRandom,
} from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type DialOptions, dial } from "../connection/dial.ts";
import type { FrameConnection, FrameHandler } from "../connection/frame-connection.ts";
import { loadCurve } from "../curve/load-curve.ts";
import type { Handshaker } from "../handshaker/handshaker.ts";
import { createInlineHandshaker } from "../handshaker/inline.ts";
import { ServerIdentity } from "../identity/server-identity.ts";
import { generateHandshakeKey, generateKeypair } from "../keys/keypair.ts";
import { HandshakeError } from "../noise/handshake-error.ts";
import { listen } from "./listen.ts";
import type { FrameListener, ListenOptions } from "./listen-options.ts";

const authority = generateKeypair(systemRandom);
const identity = ServerIdentity.create({
  authoritySecret: authority.secretKey,
  random: systemRandom,
  clock: systemClock,
});
const handshaker = createInlineHandshaker(identity, { random: systemRandom });
const SETUP = Uint8Array.of(0, 0, 1, 2, 0, 0, 7, 7);
const silent: FrameHandler = { onFrame() {}, onClose() {} };

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

/** Real turns, virtual deadlines. */
function hybridClock(): { clock: Clock; time: VirtualClock } {
  const time = new VirtualClock();
  return { time, clock: { ...systemClock, after: (ms, callback) => time.after(ms, callback) } };
}

/** Counts by metric name and reason. */
function countingMetrics(): { metrics: Metrics; counts: Map<string, number> } {
  const counts = new Map<string, number>();
  const metrics: Metrics = {
    ...noMetrics,
    counter(name, _help, labels = {}) {
      const key = `${name} ${labels["reason"] ?? ""}`.trim();
      return { inc: (value = 1) => counts.set(key, (counts.get(key) ?? 0) + value) };
    },
  };
  return { metrics, counts };
}

async function serve(options: Partial<ListenOptions> = {}): Promise<FrameListener> {
  const listener = await listen({
    host: "127.0.0.1",
    port: 0,
    handshaker,
    native,
    clock: systemClock,
    logger: silentLogger,
    maxLength: () => undefined,
    onConnection: (connection) => {
      opened.push({ close: () => connection.destroy("test-over") });
      connection.start(silent);
    },
    ...options,
  });
  opened.push(listener);
  return listener;
}

async function call(port: number, options: Partial<DialOptions> = {}): Promise<FrameConnection> {
  const connection = await dial({
    host: "127.0.0.1",
    port,
    authorityKey: authority.publicKey,
    native,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    maxLength: () => undefined,
    ...options,
  });
  opened.push({ close: () => connection.destroy("test-over") });
  return connection;
}

function rawClient(port: number): Socket {
  const socket = connect(port, "127.0.0.1")
    .on("error", () => {})
    .resume();
  opened.push({ close: () => socket.destroy() });
  return socket;
}

const until = (condition: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 15_000, interval: 1 });
const codeOf = (error: unknown): string => (error as { code?: string }).code ?? String(error);

describe("a listener", () => {
  it("carries frames both ways with a dialer that checks its authority", async () => {
    const answers: string[] = [];
    const listener = await serve({
      onConnection: (connection) => {
        expect(connection.remoteAddress).toBe("127.0.0.1");
        connection.start({
          onFrame: () => connection.send(SETUP),
          onClose: (reason) => answers.push(reason),
        });
      },
    });
    const client = await call(listener.port);
    client.start({ onFrame: ({ length }) => answers.push(`frame of ${length}`), onClose() {} });
    client.send(SETUP);
    await until(() => answers.length === 1);
    client.close("done");
    await until(() => answers.length === 2);
    expect(answers).toEqual(["frame of 2", "peer-closed"]);
    await until(() => listener.connections === 0);
  });

  it("gives every connection an id of its own", async () => {
    const ids = new Set<number>();
    const listener = await serve({
      onConnection: (connection) => {
        ids.add(connection.id);
        connection.start(silent);
      },
    });
    const clients = await Promise.all([call(listener.port), call(listener.port), call(listener.port)]);
    await until(() => ids.size === 3);
    for (const { id } of clients) expect(ids.has(id)).toBe(false);
  });

  it("turns sockets away above its bounds, and counts them", async () => {
    const { metrics, counts } = countingMetrics();
    const listener = await serve({ limits: { connections: 1 }, metrics });
    await call(listener.port);
    await expect(call(listener.port)).rejects.toSatisfy((error) =>
      ["closed-in-handshake", "unreachable"].includes(codeOf(error)),
    );
    expect(counts.get("lode_connections_refused_total too-many-connections")).toBe(1);
    expect(counts.get("lode_handshakes_total")).toBe(1);
  });

  it("asks whether an address is welcome", async () => {
    const { metrics, counts } = countingMetrics();
    const listener = await serve({
      metrics,
      admit: (address) => (address === "127.0.0.1" ? "banned" : null),
    });
    const client = rawClient(listener.port);
    await until(() => client.closed);
    expect(counts.get("lode_connections_refused_total banned")).toBe(1);
    expect(listener.connections).toBe(0);
  });

  it("ends handshakes that take too long", async () => {
    const { clock, time } = hybridClock();
    const { metrics, counts } = countingMetrics();
    const listener = await serve({ clock, metrics });
    const client = rawClient(listener.port);
    client.write(new Uint8Array(63).fill(200));
    await until(() => time.pendingTimers === 1);
    time.advance(10_000);
    await until(() => client.closed);
    await until(() => listener.connections === 0);
    expect(counts.get("lode_handshake_failures_total handshake-timeout")).toBe(1);
  });

  it.each([
    ["sv1-peer", Buffer.from('{"id":1,"method":"mining.subscribe","params":["a/1.0"]}\n')],
    ["http-peer", Buffer.from("GET / HTTP/1.1\r\nHost: pool.example\r\n\r\n")],
    ["early-data", Buffer.alloc(65, 200)],
  ])("ends a handshake that is none: %s", async (reason, bytes) => {
    const { metrics, counts } = countingMetrics();
    const listener = await serve({ metrics });
    const client = rawClient(listener.port);
    client.write(bytes);
    await until(() => client.closed);
    await until(() => counts.get(`lode_handshake_failures_total ${reason}`) === 1);
  });

  it.each([
    [
      "Stratum V1",
      '{"id":1,"method":"mining.subscribe","params":["a/1.0"]}\n',
      /^\{"id":1,.*Stratum V2.*\}\n$/,
    ],
    ["HTTP", "GET / HTTP/1.1\r\nHost: pool.example\r\n\r\n", /^HTTP\/1\.1 400 .*Stratum V2/s],
  ])("tells a client of %s what this port is, then closes", async (_protocol, request, answer) => {
    const listener = await serve();
    const client = rawClient(listener.port);
    let received = "";
    client.on("data", (chunk) => {
      received += chunk.toString();
    });
    client.write(request);
    await until(() => client.closed);
    expect(received).toMatch(answer);
    await until(() => listener.connections === 0);
  });

  it("cuts a client of another protocol that does not leave after its answer", async () => {
    const { clock, time } = hybridClock();
    const listener = await serve({ clock });
    const client = connect({ port: listener.port, host: "127.0.0.1", allowHalfOpen: true }).on(
      "error",
      () => {},
    );
    opened.push({ close: () => client.destroy() });
    client.resume().write("GET / HTTP/1.1\r\n\r\n");
    await until(() => client.readableEnded);
    expect(listener.connections).toBe(1);
    time.advance(1_000);
    await until(() => listener.connections === 0);
  });

  it("forgets a peer that leaves in its handshake", async () => {
    const { metrics, counts } = countingMetrics();
    const listener = await serve({ metrics });
    rawClient(listener.port).end(new Uint8Array(10));
    await until(() => counts.get("lode_handshake_failures_total closed-in-handshake") === 1);
    await until(() => listener.connections === 0);
  });

  it("drops a peer whose handshake is refused for load", async () => {
    const busy: Handshaker = {
      backend: "noble",
      pending: 0,
      respond: () => Promise.reject(new HandshakeError({ code: "handshaker-busy", limit: 0 })),
      close: () => Promise.resolve(),
    };
    const { metrics, counts } = countingMetrics();
    const listener = await serve({ handshaker: busy, metrics });
    await expect(call(listener.port)).rejects.toThrow("closed-in-handshake");
    expect(counts.get("lode_handshake_failures_total handshaker-busy")).toBe(1);
  });

  it("ends a peer that speaks before it has our keys", async () => {
    const reasons: string[] = [];
    const listener = await serve({
      onConnection: (connection) =>
        connection.start({ onFrame() {}, onClose: (reason) => reasons.push(reason) }),
    });
    const client = rawClient(listener.port);
    const { encoded } = generateHandshakeKey(loadCurve(), systemRandom);
    client.write(encoded);
    client.once("data", () => client.write(new Uint8Array(22)));
    await until(() => reasons.length === 1);
    expect(reasons).toEqual(["forged-header"]);
  });

  it("survives an owner that throws", async () => {
    const error = vi.fn();
    const listener = await serve({
      logger: { ...silentLogger, error },
      onConnection: () => {
        throw new Error("planted");
      },
    });
    await call(listener.port).catch(() => {});
    await until(() => error.mock.calls.length === 1 && listener.connections === 0);
  });

  it("stops accepting when closed, but keeps what it has", async () => {
    const listener = await serve();
    const client = await call(listener.port);
    const reasons: string[] = [];
    client.start({ onFrame() {}, onClose: (reason) => reasons.push(reason) });
    const shaking = rawClient(listener.port);
    await until(() => listener.connections === 2);
    await listener.close();
    await until(() => shaking.closed);
    await until(() => listener.connections === 1);
    await expect(call(listener.port)).rejects.toThrow("ECONNREFUSED");
    expect(reasons).toEqual([]);
  });

  it("serves several ports, each with an authority of its own, and bounds them together", async () => {
    const other = generateKeypair(systemRandom);
    const otherIdentity = ServerIdentity.create({
      authoritySecret: other.secretKey,
      random: systemRandom,
      clock: systemClock,
    });
    const also = {
      host: "127.0.0.1",
      port: 0,
      handshaker: createInlineHandshaker(otherIdentity, { random: systemRandom }),
    };
    const listener = await serve({ also: [also], limits: { connections: 2 } });
    const [first = 0, second = 0] = listener.ports;
    expect(listener.port).toBe(first);
    await call(first);
    await expect(call(second)).rejects.toMatchObject({ code: "wrong-authority" });
    await vi.waitUntil(() => listener.connections === 1);
    await call(second, { authorityKey: other.publicKey });
    await expect(call(first)).rejects.toThrow(CodedError);
    await listener.close();
    await expect(call(second)).rejects.toMatchObject({ type: { cause: "ECONNREFUSED" } });
  });

  it("leaves no port open when it cannot have all of them", async () => {
    const taken = (await serve()).port;
    const also = [{ host: "127.0.0.1", port: taken, handshaker }];
    const free = await serve();
    await free.close();
    await expect(serve({ port: free.port, also })).rejects.toMatchObject({ type: { cause: "EADDRINUSE" } });
    await expect(call(free.port)).rejects.toMatchObject({ type: { cause: "ECONNREFUSED" } });
  });

  it("says why it cannot listen", async () => {
    const listener = await serve();
    await expect(serve({ port: listener.port })).rejects.toMatchObject({
      type: { code: "listen-failed", cause: "EADDRINUSE" },
    });
  });
});

describe("a dialer", () => {
  it("leaves a server of another authority", async () => {
    const listener = await serve();
    const authorityKey = generateKeypair(systemRandom).publicKey;
    await expect(call(listener.port, { authorityKey })).rejects.toThrow("wrong-authority");
    await until(() => listener.connections === 0);
  });

  it("takes any server when it knows no authority", async () => {
    const listener = await serve();
    expect((await call(listener.port, { authorityKey: null })).id).toBeGreaterThan(0);
  });

  it("checks the certificate against its own clock", async () => {
    const listener = await serve();
    const clock = { ...systemClock, now: () => systemClock.now() + 2 * 86_400_000 };
    await expect(call(listener.port, { clock })).rejects.toThrow("expired");
  });

  it("says when nobody answers", async () => {
    const listener = await serve();
    await listener.close();
    await expect(call(listener.port)).rejects.toMatchObject({
      type: { code: "unreachable", cause: "ECONNREFUSED" },
    });
  });

  it("waits for a connection, then for a handshake, only so long", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    opened.push({ close: () => server.close() });
    const { port } = server.address() as { port: number };
    const { clock, time } = hybridClock();

    const connecting = expect(call(port, { clock })).rejects.toThrow("connect-timeout");
    time.advance(5_000);
    await connecting;

    let received = 0;
    server.on("connection", (socket) => {
      opened.push({ close: () => socket.destroy() });
      socket.on("data", (chunk) => {
        received += chunk.length;
      });
    });
    const shaking = expect(call(port, { clock })).rejects.toThrow("handshake-timeout");
    await until(() => received === 64);
    time.advance(10_000);
    await shaking;
  });

  it("gets frames the server sends right behind its handshake", async () => {
    const listener = await serve({
      onConnection: (connection) => {
        connection.start(silent);
        connection.send(SETUP);
        connection.flush();
      },
    });
    const client = await call(listener.port);
    const seen: number[] = [];
    client.start({ onFrame: ({ msgType }) => seen.push(msgType), onClose() {} });
    await until(() => seen.length === 1);
  });
});
