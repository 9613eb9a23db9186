import { native } from "@lode/native";
import { silentLogger } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { afterEach, describe, expect, it, vi } from "vitest";
import { closeLoopbackPairs } from "../testing/loopback-pair.ts";
import { connectionOverLoopback, frame, type LoopbackSetup } from "../testing/loopback-peer.ts";
import type { FrameConnection } from "./frame-connection.ts";
import { defaultConnectionLimits } from "./limits.ts";
import { TransportError } from "./transport-error.ts";

afterEach(closeLoopbackPairs);

async function setUp(setup: Partial<LoopbackSetup> = {}) {
  const time = new VirtualClock();
  return { time, ...(await connectionOverLoopback({ time, ...setup })) };
}

/** Lets the event loop run until something holds. */
const until = (condition: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 15_000, interval: 1 });

describe("frames over a socket", () => {
  it("arrive in order, whether they come in pieces or together", async () => {
    const { peer, seen } = await setUp();
    const pieces = peer.seal(frame(1, 0), frame(2, 30));
    for (const byte of pieces) peer.socket.write(Uint8Array.of(byte));
    await until(() => seen.length === 2);
    peer.socket.write(peer.seal(...Array.from({ length: 100 }, (_, i) => frame(i, i * 50))));
    await until(() => seen.length === 102);
    expect(seen.slice(0, 3)).toEqual(["1:0", "2:30", "0:0"]);
    expect(seen.at(-1)).toBe("99:4950");
  });

  it("sent in one turn leave in one write, and flush does not wait for its end", async () => {
    const sendNow = vi.fn(native.sendNow);
    const { connection, peer } = await setUp({ native: { ...native, sendNow } });
    peer.read();
    for (let i = 0; i < 20; i++) connection.send(frame(i, i * 100));
    expect(sendNow).not.toHaveBeenCalled();
    expect(connection.queuedBytes).toBeGreaterThan(19_000);
    await until(() => peer.seen.length === 20);
    expect(sendNow).toHaveBeenCalledTimes(1);
    await until(() => connection.queuedBytes === 0);
    connection.send(frame(20, 1));
    connection.flush();
    expect(sendNow).toHaveBeenCalledTimes(2);
    await until(() => peer.seen.length === 21);
    expect(peer.seen[19]).toBe("19:1900");
    expect(connection.queuedBytes).toBe(0);
  });

  it("are taken over by send: the caller may change its bytes at once", async () => {
    const { connection, peer } = await setUp();
    peer.read();
    const bytes = frame(1, 10);
    connection.send(bytes);
    bytes.fill(0xff);
    await until(() => peer.seen.length === 1);
    expect(peer.seen).toEqual(["1:10"]);
  });

  it("are refused when the header tells another length", async () => {
    const { connection } = await setUp();
    expect(() => connection.send(frame(1, 10).subarray(0, 15))).toThrow(TransportError);
    expect(() => connection.send(new Uint8Array(3))).toThrow("bad-frame");
  });

  it("wait until the connection is started, and go to the last handler", async () => {
    const { connection, peer, handler, seen } = await setUp({ start: false });
    peer.socket.write(peer.seal(frame(1, 1)));
    const first: number[] = [];
    connection.start({
      onFrame: ({ msgType }) => {
        first.push(msgType);
        connection.start(handler);
      },
      onClose: () => {},
    });
    expect(first).toEqual([]);
    await until(() => first.length === 1);
    peer.socket.write(peer.seal(frame(2, 2)));
    await until(() => seen.length === 1);
    expect([first, seen]).toEqual([[1], ["2:2"]]);
  });
});

describe("a connection ends", () => {
  it("in order when the peer does, after its last frames and with ours still written", async () => {
    const { peer, seen, whenClosed, closes } = await setUp({
      onFrame: (_, connection) => connection.send(frame(9, 9)),
    });
    peer.read();
    peer.socket.end(peer.seal(frame(1, 1), frame(2, 2)));
    expect(await whenClosed).toBe("peer-closed");
    await until(() => peer.ended);
    expect(seen).toEqual(["1:1", "2:2"]);
    expect(peer.seen).toEqual(["9:9", "9:9"]);
    expect(closes).toEqual(["peer-closed"]);
  });

  it("with everything written when it is closed, and hears nothing more", async () => {
    const { connection, peer, seen, whenClosed, time } = await setUp();
    peer.read();
    connection.send(frame(1, 50_000));
    connection.close("drained");
    connection.send(frame(2, 1));
    peer.socket.write(peer.seal(frame(3, 3)));
    await until(() => peer.ended);
    expect(peer.seen).toEqual(["1:50000"]);
    peer.socket.end();
    expect(await whenClosed).toBe("drained");
    expect(seen).toEqual([]);
    expect(time.pendingTimers).toBe(0);
  });

  it("at the latest a while after close, when the peer does not end", async () => {
    const { connection, peer, whenClosed, closes, time } = await setUp();
    peer.read();
    connection.close("drained");
    await until(() => peer.ended);
    expect(closes).toEqual([]);
    time.advance(defaultConnectionLimits.closeMs);
    expect(await whenClosed).toBe("drained");
  });

  it("in peace: a frame that never came to its end is not blamed any more", async () => {
    const { connection, peer, closes, time } = await setUp();
    peer.read();
    peer.socket.write(peer.seal(frame(1, 100)).subarray(0, 50));
    await until(() => time.pendingTimers === 1);
    time.advance(defaultConnectionLimits.frameMs - 1);
    connection.send(frame(3, 3));
    connection.close("draining");
    time.advance(1);
    await until(() => peer.ended);
    expect([peer.seen, closes]).toEqual([["3:3"], []]);
  });

  it("once, with the first reason, and never inside destroy", async () => {
    const { connection, closes, whenClosed } = await setUp();
    connection.destroy("first");
    connection.destroy("second");
    connection.close("third");
    connection.send(frame(1, 1));
    expect(closes).toEqual([]);
    expect(await whenClosed).toBe("first");
    await new Promise((resolve) => setImmediate(resolve));
    expect(closes).toEqual(["first"]);
  });

  it("alone when its handler throws, and the failure is logged", async () => {
    const error = vi.fn();
    const { peer, seen, whenClosed } = await setUp({
      logger: { ...silentLogger, error },
      onFrame: () => {
        throw new Error("planted");
      },
      onClose: () => {
        throw new Error("planted again");
      },
    });
    peer.socket.write(peer.seal(frame(1, 1), frame(2, 2)));
    // The promise is never resolved by a handler that throws first.
    void whenClosed;
    await until(() => error.mock.calls.length === 2);
    expect(seen).toEqual(["1:1"]);
    expect(error.mock.calls.map(([, message]) => message)).toEqual([
      "a frame's handler failed",
      "a close handler failed",
    ]);
  });

  it("at a forgery", async () => {
    const { peer, seen, whenClosed } = await setUp();
    const bytes = peer.seal(frame(1, 1), frame(2, 2));
    bytes[bytes.length - 1]! ^= 1;
    peer.socket.write(bytes);
    expect(await whenClosed).toBe("forged-payload");
    expect(seen).toEqual(["1:1"]);
  });

  it("at a declared length above the cap, with nothing buffered", async () => {
    const { peer, whenClosed } = await setUp();
    peer.socket.write(peer.seal(frame(1, 100_001)).subarray(0, 22));
    expect(await whenClosed).toBe("frame-too-long");
  });

  it("when the peer resets it", async () => {
    const { peer, whenClosed } = await setUp();
    peer.socket.resetAndDestroy();
    expect(await whenClosed).toBe("connection-reset");
  });

  it("when the peer has reset it and only a write finds out", async () => {
    const { connection, peer, whenClosed } = await setUp();
    peer.socket.resetAndDestroy();
    connection.send(frame(1, 1));
    connection.flush();
    expect(await whenClosed).toBe("connection-reset");
  });

  it("when a frame does not come to its end, but not while frames keep ending", async () => {
    const { peer, seen, whenClosed, closes, time } = await setUp();
    const bytes = peer.seal(frame(1, 1), frame(2, 2), frame(3, 3));
    peer.socket.write(bytes.subarray(0, 50));
    await until(() => seen.length === 1);
    time.advance(defaultConnectionLimits.frameMs - 1);
    peer.socket.write(bytes.subarray(50, 90));
    await until(() => seen.length === 2);
    time.advance(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(closes).toEqual([]);
    time.advance(defaultConnectionLimits.frameMs);
    expect(await whenClosed).toBe("frame-timeout");
  });

  it("when nobody starts it", async () => {
    const { connection, peer, handler, whenClosed, time } = await setUp({ start: false });
    peer.read();
    time.advance(defaultConnectionLimits.handshakeMs);
    await until(() => peer.socket.destroyed || peer.ended);
    connection.start(handler);
    expect(await whenClosed).toBe("not-started");
  });
});

describe("a peer that does not read", () => {
  const chunk = frame(7, 60_000);

  /** Sends until the system takes no more; what is sent then stays in the process. */
  async function clog(connection: FrameConnection, closes: readonly string[]): Promise<void> {
    for (let sent = 0; connection.queuedBytes === 0; sent++) {
      expect(sent).toBeLessThan(2_000);
      connection.send(chunk);
      await new Promise((resolve) => setImmediate(resolve));
      if (closes.length > 0) return;
    }
  }

  it("is cut when its queue is full", async () => {
    const { connection, closes, whenClosed } = await setUp({ limits: { writeQueueBytes: 200_000 } });
    await clog(connection, closes);
    for (let i = 0; i < 5; i++) {
      connection.send(chunk);
      expect(connection.queuedBytes).toBeLessThanOrEqual(200_000);
    }
    expect(await whenClosed).toBe("write-queue-full");
  });

  it("is cut when its bytes have waited for too long", async () => {
    const { connection, closes, whenClosed, time } = await setUp();
    await clog(connection, closes);
    time.advance(defaultConnectionLimits.writeStallMs - 1);
    expect(closes).toEqual([]);
    time.advance(1);
    expect(await whenClosed).toBe("write-stalled");
  });

  it("is kept when it reads again, and gets everything in order", async () => {
    const { connection, closes, peer, time } = await setUp();
    await clog(connection, closes);
    for (let i = 0; i < 10; i++) connection.send(frame(i, 1_000 + i));
    connection.flush();
    peer.read();
    await until(() => peer.seen.at(-1) === "9:1009");
    expect(peer.seen.slice(-10)).toEqual(Array.from({ length: 10 }, (_, i) => `${i}:${1_000 + i}`));
    await until(() => connection.queuedBytes === 0);
    time.advance(defaultConnectionLimits.writeStallMs * 2);
    await new Promise((resolve) => setImmediate(resolve));
    expect(closes).toEqual([]);
  });

  it("may be sent one frame of any size", async () => {
    const { connection, peer } = await setUp({ limits: { writeQueueBytes: 1_000 } });
    peer.read();
    connection.send(chunk);
    await until(() => peer.seen.length === 1);
  });
});
