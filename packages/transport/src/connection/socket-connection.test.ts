import type { Socket } from "node:net";
import { type Native, native, sealedFrameSize } from "@lode/native";
import { type Clock, type Logger, silentLogger, systemClock } from "@lode/ports";
import { type FrameHeader, HEADER_SIZE, writeFrameHeader } from "@lode/protocol";
import { VirtualClock } from "@lode/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { FrameConnection } from "./frame-connection.ts";
import { FrameReader } from "./frame-reader.ts";
import { type ConnectionLimits, defaultConnectionLimits } from "./limits.ts";
import { closeLoopbackPairs, loopbackPair } from "./loopback-pair.ts";
import { SocketConnection } from "./socket-connection.ts";
import { TransportError } from "./transport-error.ts";

const TO_PEER = new Uint8Array(32).fill(1);
const TO_US = new Uint8Array(32).fill(2);

afterEach(closeLoopbackPairs);

/** A frame whose payload is `length` bytes of its type. */
function frame(msgType: number, length: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE + length).fill(msgType);
  writeFrameHeader(bytes, { extensionType: 0, channelMsg: false, msgType, length });
  return bytes;
}

/** A raw peer: seals and opens by hand, so that it can misbehave. */
class Peer {
  readonly seen: string[] = [];
  ended = false;
  readonly socket: Socket;
  readonly #sealer = native.createCipher(TO_US);
  readonly #reader = new FrameReader(native.createCipher(TO_PEER), () => 0xff_ffff);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("end", () => {
      this.ended = true;
    });
  }

  read(): void {
    this.socket.on("data", (chunk) => {
      const deliver = (header: FrameHeader, payload: Uint8Array): boolean => {
        this.seen.push(`${header.msgType}:${payload.length}`);
        return true;
      };
      expect(this.#reader.push(chunk, { deliver })).toBeNull();
    });
  }

  seal(...frames: Uint8Array[]): Uint8Array {
    const sealed = frames.map((bytes) => {
      const out = new Uint8Array(sealedFrameSize(bytes.length - HEADER_SIZE));
      this.#sealer.sealFrame(bytes, out, 0);
      return out;
    });
    return Buffer.concat(sealed);
  }
}

interface Setup {
  /** Connections on one clock take turns. */
  clock?: Clock;
  onThrottle?: (pauseMs: number) => void;
  limits?: Partial<ConnectionLimits>;
  onFrame?: (header: FrameHeader, connection: FrameConnection) => void;
  onClose?: () => void;
  start?: boolean;
  logger?: Logger;
  native?: Native;
}

/** A connection over loopback with its deadlines on a virtual clock; turns are real. */
async function setUp(setup: Setup = {}) {
  const time = new VirtualClock();
  const clock: Clock = setup.clock ?? {
    ...systemClock,
    monotonic: () => time.monotonic(),
    after: (ms, callback) => time.after(ms, callback),
  };
  const { near: socket, far } = await loopbackPair();
  const peer = new Peer(far);
  const connection = new SocketConnection(
    socket,
    "127.0.0.1",
    { sendKey: TO_PEER.slice(), receiveKey: TO_US.slice() },
    {
      native: setup.native ?? native,
      clock,
      logger: setup.logger ?? silentLogger,
      maxLength: () => 100_000,
      limits: { ...defaultConnectionLimits, ...setup.limits },
      onThrottle: (_, pauseMs) => setup.onThrottle?.(pauseMs),
    },
  );
  const seen: string[] = [];
  const closes: string[] = [];
  let closed = (_reason: string): void => {};
  const whenClosed = new Promise<string>((resolve) => {
    closed = resolve;
  });
  const handler = {
    onFrame(header: FrameHeader, payload: Uint8Array): void {
      expect(payload.every((byte) => byte === header.msgType)).toBe(true);
      seen.push(`${header.msgType}:${payload.length}`);
      setup.onFrame?.(header, connection);
    },
    onClose(reason: string): void {
      closes.push(reason);
      setup.onClose?.();
      closed(reason);
    },
  };
  if (setup.start !== false) connection.start(handler);
  return { connection, socket, peer, time, seen, closes, whenClosed, handler };
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

describe("a peer that sends too fast", () => {
  const slow = { bytes: { burst: 1_000_000, perSecond: 1_000_000 }, frames: { burst: 100, perSecond: 100 } };
  const flood = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => frame(i % 200, 20));
  const settled = async (seen: readonly string[]): Promise<void> => {
    for (let before = -1; before !== seen.length; ) {
      before = seen.length;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  it("is read more slowly and loses nothing", async () => {
    const pauses: number[] = [];
    const { peer, seen, closes, time } = await setUp({
      limits: { reading: slow },
      onThrottle: (ms) => pauses.push(ms),
    });
    peer.socket.write(peer.seal(...flood(6_000)));
    await until(() => pauses.length === 1);
    await settled(seen);
    // What one read of the socket brings is taken; far from everything that was sent.
    expect(seen.length).toBeGreaterThanOrEqual(100);
    expect(seen.length).toBeLessThan(4_000);
    expect(time.pendingTimers).toBe(1);
    while (seen.length < 6_000) {
      time.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(seen).toEqual(flood(6_000).map(([, , type]) => `${type}:20`));
    expect(time.monotonic()).toBeGreaterThanOrEqual(45_000);
    expect(pauses.every((ms, i) => (ms === 0) === (i % 2 === 1))).toBe(true);
    expect(closes).toEqual([]);
  });

  it("may send its burst at once, and again after a while", async () => {
    const pauses: number[] = [];
    const { peer, seen, time } = await setUp({
      limits: { reading: slow },
      onThrottle: (ms) => pauses.push(ms),
    });
    for (let round = 1; round <= 5; round++) {
      peer.socket.write(peer.seal(...flood(95)));
      await until(() => seen.length === 95 * round);
      time.advance(1_000);
    }
    expect(pauses).toEqual([]);
  });

  it("is not blamed for a frame that was not read to its end", async () => {
    const { peer, seen, closes, time } = await setUp({
      limits: { reading: { ...slow, bytes: { burst: 10_000, perSecond: 100 } } },
    });
    const bytes = peer.seal(frame(1, 90_000), frame(2, 2));
    peer.socket.write(bytes.subarray(0, 40_000));
    await until(() => time.pendingTimers === 1);
    peer.socket.write(bytes.subarray(40_000));
    // Far beyond the time of a frame, in pauses that are longer.
    for (let i = 0; i < 200 && seen.length < 2; i++) {
      time.advance(defaultConnectionLimits.frameMs / 2);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(time.monotonic()).toBeGreaterThan(2 * defaultConnectionLimits.frameMs);
    expect(seen).toEqual(["1:90000", "2:2"]);
    expect(closes).toEqual([]);
  });

  it("can be closed meanwhile, and gets its last bytes", async () => {
    const pauses: number[] = [];
    const { connection, peer, whenClosed, time } = await setUp({
      limits: { reading: slow },
      onThrottle: (ms) => pauses.push(ms),
    });
    peer.read();
    peer.socket.write(peer.seal(...flood(3_000)));
    await until(() => pauses.length === 1);
    connection.send(frame(7, 7));
    connection.close("drained");
    await until(() => peer.seen.length === 1);
    peer.socket.end();
    expect(await whenClosed).toBe("drained");
    expect([pauses.length, pauses.at(-1), time.pendingTimers]).toEqual([2, 0, 0]);
  });

  it("can be destroyed meanwhile", async () => {
    const pauses: number[] = [];
    const { connection, peer, whenClosed, time } = await setUp({
      limits: { reading: slow },
      onThrottle: (ms) => pauses.push(ms),
    });
    peer.socket.write(peer.seal(...flood(3_000)));
    await until(() => pauses.length === 1);
    connection.destroy("server-full");
    expect(await whenClosed).toBe("server-full");
    expect([pauses.at(-1), time.pendingTimers]).toEqual([0, 0]);
  });
});

describe("a peer that sends much at once", () => {
  const reading = { bytes: { burst: 1e7, perSecond: 1e7 }, frames: { burst: 1e6, perSecond: 1e6 } };
  const much = Array.from({ length: 1_500 }, (_, i) => frame(i % 200, 20));
  const all = much.map(([, , type]) => `${type}:20`);

  it("is read in slices, in order, and a message that comes alone does not wait for all of them", async () => {
    const clock = { ...systemClock };
    const limits = { reading };
    const order: string[] = [];
    const crowd = await Promise.all(
      Array.from({ length: 4 }, () => setUp({ clock, limits, onFrame: () => order.push("crowd") })),
    );
    const lone = await setUp({ clock, limits, onFrame: () => order.push("lone") });
    for (const { peer } of crowd) peer.socket.write(peer.seal(...much));
    await until(() => order.length > 0);
    lone.peer.socket.write(lone.peer.seal(frame(1, 1)));
    await until(() => order.length === 6_001);
    expect(order.indexOf("lone")).toBeLessThan(3_000);
    for (const { seen } of crowd) expect(seen).toEqual(all);
  });

  it("is read to its end when it leaves right behind it", async () => {
    const { peer, seen, whenClosed } = await setUp({ limits: { reading } });
    peer.socket.end(peer.seal(...much));
    expect(await whenClosed).toBe("peer-closed");
    expect(seen).toEqual(all);
  });

  it("gets what has arrived counted when it resets the connection: there may be a block in it", async () => {
    const { peer, seen, whenClosed } = await setUp({
      limits: { reading },
      onFrame: () => {
        if (seen.length === 1) peer.socket.resetAndDestroy();
      },
    });
    peer.socket.write(peer.seal(...much.slice(0, 500)));
    await whenClosed;
    expect(seen).toEqual(all.slice(0, 500));
  });

  it("is read no further once it is destroyed or closed", async () => {
    for (const end of ["destroy", "close"] as const) {
      const { peer, seen, whenClosed, time } = await setUp({
        limits: { reading },
        onFrame: (_, connection) => {
          if (seen.length === 100) connection[end]("enough");
        },
      });
      peer.socket.write(peer.seal(...much));
      peer.socket.on("end", () => peer.socket.end()).resume();
      expect(await whenClosed).toBe("enough");
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect([seen.length, time.pendingTimers]).toEqual([100, 0]);
    }
  });

  it("gets counted what the paused socket holds behind that, too", async () => {
    const { peer, socket, seen, whenClosed } = await setUp({ limits: { reading } });
    peer.socket.write(peer.seal(...much.slice(0, 500)));
    await until(() => seen.length > 0);
    // As if more had come while the first part waited.
    socket.pause();
    peer.socket.write(peer.seal(...much.slice(500, 600)), () => peer.socket.resetAndDestroy());
    await whenClosed;
    expect(seen).toEqual(all.slice(0, 600));
  });

  it("has what was received read at once when that is wanted, and is read on from there", async () => {
    const { connection, peer, socket, seen } = await setUp({ limits: { reading } });
    peer.socket.write(peer.seal(...much.slice(0, 1_000)));
    await until(() => seen.length > 0);
    const received = Math.floor(socket.bytesRead / 58);
    expect(seen.length).toBeLessThan(received);
    connection.readReceived();
    expect(seen.length).toBe(received);
    peer.socket.write(peer.seal(...much.slice(1_000)));
    await until(() => seen.length === much.length);
    expect(seen).toEqual(all);
  });

  it("has that read while it is held back, too", async () => {
    const few = { bytes: { burst: 1e7, perSecond: 1e7 }, frames: { burst: 100, perSecond: 100 } };
    const pauses: number[] = [];
    const { connection, peer, socket, seen, closes } = await setUp({
      limits: { reading: few },
      onThrottle: (ms) => pauses.push(ms),
    });
    peer.socket.write(peer.seal(...much, ...much));
    await until(() => pauses.length === 1 && socket.readableLength > 10_000);
    const held = socket.readableLength;
    const before = seen.length;
    connection.readReceived();
    expect(seen.length - before).toBeGreaterThanOrEqual(Math.floor(held / 58) - 1);
    expect([...all, ...all].slice(0, seen.length)).toEqual(seen);
    expect(closes).toEqual([]);
  });

  it("has nothing read behind the frame in whose handling it is closed, or after destroy", async () => {
    for (const end of ["close", "destroy"] as const) {
      const { connection, peer, socket, seen, whenClosed } = await setUp({
        limits: { reading },
        onFrame: () => {
          connection.readReceived();
          if (seen.length === 10) connection[end]("enough");
        },
      });
      // Behind the connection's own listener: the bytes wait by now.
      socket.once("data", () => connection.readReceived());
      peer.socket.on("end", () => peer.socket.end()).resume();
      peer.socket.write(peer.seal(...much.slice(0, 500)));
      expect(await whenClosed).toBe("enough");
      connection.readReceived();
      expect(seen).toEqual(all.slice(0, 10));
    }
  });

  it("is not blamed for a frame that waits meanwhile, but for one that does not come to its end", async () => {
    const { peer, seen, time, closes, whenClosed } = await setUp({ limits: { reading } });
    const bytes = peer.seal(...much.slice(0, 100), frame(5, 50), frame(6, 60_000));
    const long = bytes.length - 60_000;
    peer.socket.write(bytes.subarray(0, long - 100));
    await until(() => seen.length === 100);
    await until(() => time.pendingTimers === 1);
    time.advance(defaultConnectionLimits.frameMs / 2);
    peer.socket.write(bytes.subarray(long - 100, long));
    await until(() => seen.length === 101);
    time.advance(2 * defaultConnectionLimits.frameMs);
    expect(closes).toEqual([]);
    // More than a slice at a time, and never the end.
    for (let at = long; closes.length === 0 && at + 2_100 < bytes.length; at += 2_100) {
      peer.socket.write(bytes.subarray(at, at + 2_100));
      await new Promise((resolve) => setTimeout(resolve, 10));
      time.advance(defaultConnectionLimits.frameMs - 100);
    }
    expect(await whenClosed).toBe("frame-timeout");
  });

  it("is watched for a frame's end after its budget was settled, too", async () => {
    const few = { bytes: { burst: 1e7, perSecond: 1e7 }, frames: { burst: 100, perSecond: 100 } };
    const { peer, seen, time, whenClosed } = await setUp({ limits: { reading: few } });
    peer.socket.write(peer.seal(frame(1, 1_500)));
    await until(() => seen.length === 1);
    peer.socket.write(peer.seal(frame(1, 1_900)).subarray(0, 1_000));
    await until(() => time.pendingTimers === 1);
    time.advance(2 * defaultConnectionLimits.frameMs);
    expect(await whenClosed).toBe("frame-timeout");
  });
});
