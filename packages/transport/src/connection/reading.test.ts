import { systemClock } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { afterEach, describe, expect, it, vi } from "vitest";
import { closeLoopbackPairs } from "../testing/loopback-pair.ts";
import { connectionOverLoopback, frame, type LoopbackSetup } from "../testing/loopback-peer.ts";
import { defaultConnectionLimits } from "./limits.ts";

afterEach(closeLoopbackPairs);

async function setUp(setup: Partial<LoopbackSetup> = {}) {
  const time = new VirtualClock();
  return { time, ...(await connectionOverLoopback({ time, ...setup })) };
}

/** Lets the event loop run until something holds. */
const until = (condition: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 15_000, interval: 1 });

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
    connection.destroy("no-channel");
    expect(await whenClosed).toBe("no-channel");
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
    const lone = await setUp({ clock, limits, onFrame: () => order.push("lone") });
    const onFrame = () => {
      if (order.push("crowd") === 1) lone.peer.socket.write(lone.peer.seal(frame(1, 1)));
    };
    const crowd = await Promise.all(Array.from({ length: 4 }, () => setUp({ clock, limits, onFrame })));
    for (const { peer } of crowd) peer.socket.write(peer.seal(...much));
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

  it("has its turns also when it has reset the connection, as crowds may do", async () => {
    const clock = { ...systemClock };
    let longest = 0;
    let last: unknown = null;
    let run = 0;
    const crowd = await Promise.all(
      Array.from({ length: 3 }, () =>
        setUp({
          clock,
          limits: { reading },
          onFrame: (_, connection) => {
            run = connection === last ? run + 1 : 1;
            last = connection;
            longest = Math.max(longest, run);
            for (const { peer, seen } of crowd) if (seen.length === 1) peer.socket.resetAndDestroy();
          },
        }),
      ),
    );
    for (const { peer } of crowd) peer.socket.write(peer.seal(...much.slice(0, 1_000)));
    for (const { seen, closes, whenClosed } of crowd) {
      expect(await whenClosed).toBe("connection-reset");
      expect([seen, closes.length]).toEqual([all.slice(0, 1_000), 1]);
    }
    expect(longest).toBeLessThan(100);
  });

  it("is over at once when it is closed or destroyed while its rest has its turns", async () => {
    for (const end of ["destroy", "close"] as const) {
      const { connection, socket, peer, seen, closes, whenBegun, whenClosed, time } = await setUp({
        limits: { reading },
      });
      peer.socket.write(peer.seal(...much.slice(0, 1_000)));
      await whenBegun;
      socket.destroy();
      socket.once("close", () => {
        expect(closes).toEqual([]);
        connection[end]("enough");
        connection.readReceived();
        expect(closes).toEqual([]);
      });
      expect(await whenClosed).toBe("enough");
      expect(seen.length).toBeLessThan(1_000);
      expect(time.pendingTimers).toBe(0);
    }
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
    let held = 0;
    const { peer, socket, seen, whenClosed } = await setUp({
      limits: { reading },
      onFrame: () => {
        held = Math.max(held, socket.readableLength);
        if (seen.length === 1) peer.socket.write(behind, () => peer.socket.resetAndDestroy());
      },
    });
    const first = peer.seal(...much.slice(0, 1_000));
    const behind = peer.seal(...much.slice(1_000, 1_100));
    peer.socket.write(first);
    await whenClosed;
    expect(held).toBe(behind.length);
    expect(seen).toEqual(all.slice(0, 1_100));
  });

  it("gets counted what has come when it does not take what it is sent", async () => {
    const { connection, peer, socket, seen, whenBegun, whenClosed } = await setUp({
      limits: { reading, writeQueueBytes: 200_000 },
    });
    peer.socket.pause();
    peer.socket.write(peer.seal(...much.slice(0, 1_000)));
    await whenBegun;
    const received = Math.floor(socket.bytesRead / 58);
    const chunk = frame(7, 60_000);
    for (let sent = 0; connection.closeReason === null; sent++) {
      expect(sent).toBeLessThan(2_000);
      connection.send(chunk);
      connection.flush();
    }
    expect(seen.length).toBeLessThan(received);
    connection.send(chunk);
    expect(connection.queuedBytes).toBe(socket.writableLength);
    expect(await whenClosed).toBe("write-queue-full");
    expect(seen).toEqual(all.slice(0, received));
  });

  it("has what was received read at once when that is wanted, and is read on from there", async () => {
    const { connection, peer, socket, seen, whenBegun } = await setUp({ limits: { reading } });
    peer.socket.write(peer.seal(...much.slice(0, 1_000)));
    await whenBegun;
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
