import { silentLogger } from "@lode/ports";
import { HEADER_SIZE, writeFrameHeader } from "@lode/protocol";
import { VirtualClock } from "@lode/testing/clock";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { FrameConnection } from "../connection/frame-connection.ts";
import { type MemoryPairOptions, memoryPair } from "./memory-pair.ts";

function frame(msgType: number, length = 0): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE + length).fill(msgType);
  writeFrameHeader(bytes, { extensionType: 0, channelMsg: false, msgType, length });
  return bytes;
}

/** A pair whose second end notes everything; `log` has what happened to both. */
function pair(options: MemoryPairOptions = {}, onFrame: (connection: FrameConnection) => void = () => {}) {
  const clock = new VirtualClock();
  const [a, b] = memoryPair(clock, options);
  const log: string[] = [];
  const listen = (name: string, connection: FrameConnection): void =>
    connection.start({
      onFrame: ({ msgType }, payload) => {
        expect(payload.every((byte) => byte === msgType)).toBe(true);
        log.push(`${name} ${msgType}:${payload.length} at ${clock.monotonic()}`);
        if (connection === b) onFrame(connection);
      },
      onClose: (reason) => log.push(`${name} closed ${reason}`),
    });
  return { clock, a, b, log, listen };
}

describe("a pair in memory", () => {
  it("delivers frames in order once the turn is over", () => {
    const { clock, a, b, log, listen } = pair();
    listen("b", b);
    a.send(frame(1, 3));
    a.send(frame(2));
    expect(a.queuedBytes).toBe(15);
    a.flush();
    expect(log).toEqual([]);
    clock.settle();
    expect(log).toEqual(["b 1:3 at 0", "b 2:0 at 0"]);
    expect(a.queuedBytes).toBe(0);
  });

  it("takes the time it is told to", () => {
    const { clock, a, b, log, listen } = pair({ latencyMs: 50 });
    listen("b", b);
    a.send(frame(1));
    clock.advance(49);
    expect(log).toEqual([]);
    clock.advance(1);
    expect(log).toEqual(["b 1:0 at 50"]);
  });

  it("holds frames until the far end is started, never delivering inside start", () => {
    const { clock, a, b, log, listen } = pair();
    a.send(frame(1));
    clock.advance(1_000);
    expect(a.queuedBytes).toBe(6);
    listen("b", b);
    expect(log).toEqual([]);
    clock.settle();
    expect(log).toEqual(["b 1:0 at 1000"]);
  });

  it("keeps the order when a fault delays a frame", () => {
    const delays = fc.array(fc.nat(100), { maxLength: 20 });
    fc.assert(
      fc.property(delays, fc.nat(20), (ms, latencyMs) => {
        const faults = [...ms];
        const { clock, a, b, log, listen } = pair({
          latencyMs,
          fault: () => ({ kind: "delay", ms: faults.shift()! }),
        });
        listen("b", b);
        ms.forEach((_, i) => {
          a.send(frame(i));
          clock.advance(1);
        });
        clock.runUntilIdle();
        expect(log.map((line) => line.split(" ")[1])).toEqual(ms.map((_, i) => `${i}:0`));
        expect(clock.pendingTimers).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it("lets the caller reuse what it sent, and spoils payloads that are kept", () => {
    const { clock, a, b } = pair();
    let kept: Uint8Array = new Uint8Array();
    b.start({
      onFrame: (_, payload) => {
        expect([...payload]).toEqual([1, 1]);
        kept = payload;
      },
      onClose: () => {},
    });
    const bytes = frame(1, 2);
    a.send(bytes);
    bytes.fill(9);
    clock.settle();
    expect([...kept]).not.toEqual([1, 1]);
  });

  it("closes in order: what was sent arrives first, then both ends hear of it once", () => {
    const { clock, a, b, log, listen } = pair({ latencyMs: 10 });
    listen("a", a);
    listen("b", b);
    a.send(frame(1));
    a.close("drained");
    a.send(frame(2));
    b.send(frame(3));
    expect(log).toEqual([]);
    clock.runUntilIdle();
    expect(log).toEqual(["b 1:0 at 10", "b closed peer-closed", "a closed drained"]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("writes what the far end still had when this one closes", () => {
    const { clock, a, b, log, listen } = pair({}, (connection) => {
      connection.send(frame(7));
      connection.close("bye");
    });
    listen("a", a);
    listen("b", b);
    a.send(frame(1));
    clock.runUntilIdle();
    expect(log).toEqual(["b 1:0 at 0", "a 7:0 at 0", "a closed peer-closed", "b closed bye"]);
  });

  it("gives up on a far end that never ends", () => {
    const { clock, a, log, listen } = pair({ closeMs: 100 });
    listen("a", a);
    a.close("drained");
    clock.advance(99);
    expect(log).toEqual([]);
    clock.advance(1);
    expect(log).toEqual(["a closed drained"]);
  });

  it("loses what is on its way when it is destroyed", () => {
    const { clock, a, b, log, listen } = pair({ latencyMs: 10 });
    listen("a", a);
    listen("b", b);
    a.send(frame(1));
    a.flush();
    a.destroy("gone");
    a.destroy("again");
    expect(log).toEqual([]);
    clock.runUntilIdle();
    expect(log).toEqual(["a closed gone", "b closed connection-reset"]);
  });

  it("breaks where a fault says so", () => {
    const { clock, a, b, log, listen } = pair({
      fault: (bytes, from) => (from === 0 && bytes[2] === 2 ? { kind: "reset" } : null),
    });
    listen("a", a);
    listen("b", b);
    a.send(frame(1));
    clock.settle();
    a.send(frame(2));
    a.send(frame(3));
    clock.runUntilIdle();
    expect(log).toEqual(["b 1:0 at 0", "a closed connection-reset", "b closed connection-reset"]);
  });

  it("cuts a sender whose peer takes nothing", () => {
    const { clock, a, log, listen } = pair({ writeQueueBytes: 100 });
    listen("a", a);
    a.send(frame(1, 500)); // one frame always fits an empty queue
    clock.settle();
    a.send(frame(2));
    clock.settle();
    expect(log).toEqual(["a closed write-queue-full"]);
  });

  it("cuts an end that is sent more than the cap", () => {
    const { clock, a, b, log, listen } = pair({ maxLength: (_, msgType) => (msgType === 1 ? 2 : undefined) });
    listen("b", b);
    a.send(frame(2, 3));
    a.send(frame(1, 3));
    clock.settle();
    expect(log).toEqual(["b 2:3 at 0", "b closed frame-too-long"]);
  });

  it("ends alone and logs when its handler throws", () => {
    const error = vi.fn();
    const { clock, a, b, log, listen } = pair({ logger: { ...silentLogger, error } }, () => {
      throw new Error("planted");
    });
    listen("a", a);
    listen("b", b);
    a.send(frame(1));
    a.send(frame(2));
    clock.runUntilIdle();
    expect(log).toEqual(["b 1:0 at 0", "b closed handler-failed", "a closed connection-reset"]);
    expect(error).toHaveBeenCalledTimes(1);
  });

  it("refuses a frame whose header tells another length", () => {
    const { a } = pair();
    expect(() => a.send(frame(1, 3).subarray(0, 8))).toThrow("bad-frame");
  });
});
