import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { noMetrics, silentLogger, systemClock } from "@lode/ports";
import { afterEach, describe, expect, it } from "vitest";
import type { Listener } from "../listener/listen-options.ts";
import type { LineConnection } from "./line-connection.ts";
import { type ListenLinesOptions, listenLines } from "./listen-lines.ts";

const open: { listener?: Listener; sockets: Socket[] } = { sockets: [] };

afterEach(async () => {
  for (const socket of open.sockets.splice(0)) socket.destroy();
  await open.listener?.close();
});

/** A listener whose connections note what happens to them; `waitFor` ends when that many notes are there. */
async function world(options: Partial<ListenLinesOptions> = {}) {
  const notes: string[] = [];
  const connections: LineConnection[] = [];
  let wake = () => {};
  const note = (text: string) => {
    notes.push(text);
    wake();
  };
  const listener = await listenLines({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    logger: silentLogger,
    metrics: noMetrics,
    onConnection: (connection) => {
      connections.push(connection);
      connection.start({
        onLine: (line) => {
          note(line);
          if (line === "{throw}") throw new Error("a role's bug");
        },
        onClose: (reason) => note(`closed: ${reason}`),
      });
    },
    ...options,
  });
  open.listener = listener;
  const dial = async () => {
    const socket = connect(listener.port, "127.0.0.1");
    open.sockets.push(socket);
    socket.on("error", () => {});
    await once(socket, "connect");
    return socket;
  };
  const waitFor = async (count: number) => {
    while (notes.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return notes;
  };
  return { dial, waitFor, notes, connections };
}

const ended = (socket: Socket) =>
  new Promise<string>((resolve) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.once("close", () => resolve(text));
  });

describe("a listener for lines", () => {
  it("takes several lines of a packet, one over many, either line end, and blanks before the first", async () => {
    const { dial, waitFor } = await world();
    const socket = await dial();
    socket.write('\n {"a":1}\r\n{"b":');
    await waitFor(1);
    socket.write("2}\n");
    expect(await waitFor(2)).toEqual(['{"a":1}', '{"b":2}']);
    socket.end();
    expect(await waitFor(3)).toContain("closed: peer-closed");
  });

  it("sends what a turn gave together, and closes behind it", async () => {
    const { dial, waitFor, connections } = await world();
    const socket = await dial();
    socket.write("{}\n");
    await waitFor(1);
    connections[0]!.send("one\n");
    connections[0]!.send("two\n");
    connections[0]!.close("draining");
    connections[0]!.send("never\n");
    expect(await ended(socket)).toBe("one\ntwo\n");
    expect(await waitFor(2)).toEqual(["{}", "closed: draining"]);
  });

  it("tells HTTP, TLS and others apart from miners", async () => {
    const { dial, waitFor } = await world();
    const browser = await dial();
    browser.write("GET / HTTP/1.1\r\n\r\n");
    expect(await ended(browser)).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*stratum\+tcp/);
    for (const first of ["\x16\x03\x01", "\x00\x01\x02"]) (await dial()).write(first, "latin1");
    expect((await waitFor(3)).toSorted()).toEqual([
      "closed: http-peer",
      "closed: not-stratum-v1",
      "closed: tls-peer",
    ]);
  });

  it("cuts a line above the bound, a peer that does not read, and a connection whose handler fails", async () => {
    const { dial, waitFor, connections } = await world({
      limits: { lineBytes: 10, writeQueueBytes: 4_000_000 },
    });
    (await dial()).write("{1234567890");
    expect(await waitFor(1)).toEqual(["closed: line-too-long"]);
    (await dial()).write("{throw}\n");
    expect(await waitFor(3)).toContain("closed: handler-failed");
    const deaf = await dial();
    deaf.pause().write("{}\n");
    await waitFor(4);
    for (let sent = 0; sent < 20; sent++) {
      connections[2]!.send(`${"x".repeat(1_000_000)}\n`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await waitFor(5)).toContain("closed: write-queue-full");
  });

  it("stops reading a peer that sends too fast, and goes on later without a loss", async () => {
    const { dial, waitFor } = await world({ limits: { lines: { burst: 5, perSecond: 1_000 } } });
    const socket = await dial();
    const sent = Array.from({ length: 300 }, (_, index) => `{"n":${index}}`);
    for (const line of sent) socket.write(`${line}\n`);
    expect(await waitFor(300)).toEqual(sent);
  });

  it("turns away whom it is told to, and more of an address than its bound", async () => {
    const { dial, waitFor } = await world({
      limits: { connectionsPerSubnet: 1, evictAfterMs: 60_000 },
    });
    (await dial()).write("{}\n");
    await waitFor(1);
    expect(await ended(await dial())).toBe("");
    await open.listener!.close();
    const closed = await world({ admit: () => "no-work" });
    expect(await ended(await closed.dial())).toBe("");
    expect(closed.connections).toEqual([]);
  });

  it("takes an address from a PROXY header where one is due", async () => {
    const { dial, waitFor, connections } = await world({ proxyProtocolFrom: ["127.0.0.1/32"] });
    const header = Buffer.from("0d0a0d0a000d0a515549540a2111000cc0000201c000020230390d05", "hex");
    (await dial()).write(Buffer.concat([header, Buffer.from("{}\n")]));
    await waitFor(1);
    expect(connections[0]!.remoteAddress).toBe("192.0.2.1");
  });
});
