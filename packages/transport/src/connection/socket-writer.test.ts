import type { Socket } from "node:net";
import { type FrameCipher, type Native, native } from "@lode/native";
import { systemClock } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { closeLoopbackPairs, loopbackPair } from "../testing/loopback-pair.ts";
import { defaultConnectionLimits } from "./limits.ts";
import { SocketWriter } from "./socket-writer.ts";

const direct = native.backend === "addon" && process.platform !== "win32";

afterEach(closeLoopbackPairs);

/** Seals nothing, so that a test sees in plain what arrives. */
const plain: FrameCipher = {
  sealFrame(frame, out, offset) {
    out.set(frame, offset);
    return frame.length;
  },
  openHeader: () => false,
  openPayload: () => false,
  free: () => {},
};

/** A writer over loopback; its stall timer is on a virtual clock, turns are real. */
async function setUp(sendNow: Native["sendNow"] = native.sendNow) {
  const time = new VirtualClock();
  const clock = { ...systemClock, after: time.after.bind(time) };
  const { near, far } = await loopbackPair();
  const onStalled = vi.fn();
  const context = { native: { ...native, sendNow }, clock, limits: defaultConnectionLimits };
  const writer = new SocketWriter(near, plain, context, onStalled);
  far.pause().on("error", () => {});
  return { writer, near, far, time, onStalled };
}

/** What arrives, from now on. */
function collect(far: Socket): { bytes(): Buffer; ended: boolean } {
  const chunks: Buffer[] = [];
  const collected = { bytes: () => Buffer.concat(chunks), ended: false };
  far.on("data", (chunk) => chunks.push(chunk));
  far.on("end", () => {
    collected.ended = true;
  });
  far.resume();
  return collected;
}

let filling = 0;
/** Bytes unlike those before. */
const fresh = (size: number): Buffer => Buffer.alloc(size, ++filling % 251);

const seal = (writer: SocketWriter, bytes: Uint8Array): void => writer.seal(bytes, bytes.length);

const until = (condition: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 15_000, interval: 1 });

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Writes until the system takes no more; everything sent. */
async function clog(writer: SocketWriter): Promise<Buffer[]> {
  const sent: Buffer[] = [];
  while (writer.queuedBytes === 0) {
    expect(sent.length).toBeLessThan(2_000);
    const bytes = fresh(60_000);
    seal(writer, bytes);
    writer.flush();
    sent.push(bytes);
    await turn();
  }
  return sent;
}

describe("what is sealed", () => {
  it.runIf(direct)("goes to the system past the stream", async () => {
    const { writer, near, far } = await setUp();
    const write = vi.spyOn(near, "write");
    const collected = collect(far);
    const parts = [fresh(10), fresh(5_000), fresh(100_000)];
    for (const part of parts) {
      seal(writer, part);
      await turn();
      await turn();
    }
    await until(() => collected.bytes().length === 105_010);
    expect(Buffer.compare(collected.bytes(), Buffer.concat(parts))).toBe(0);
    expect(write).not.toHaveBeenCalled();
    expect(writer.queuedBytes).toBe(0);
  });

  it("goes through the stream where the system is not asked", async () => {
    const { writer, far } = await setUp(() => 0);
    const collected = collect(far);
    const parts = [fresh(10), fresh(5_000)];
    for (const part of parts) seal(writer, part);
    await until(() => collected.bytes().length === 5_010);
    expect(Buffer.compare(collected.bytes(), Buffer.concat(parts))).toBe(0);
  });

  it("arrives in order and unmixed, whatever the system takes at once and whoever writes in between", async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ to: fc.nat(2), size: fc.oneof(fc.nat(200), fc.nat(9_000)) }) },
      { weight: 2, arbitrary: fc.record({ flush: fc.nat(2) }) },
      { weight: 2, arbitrary: fc.constant("turn" as const) },
      // Bytes of the stream wait, though the system would take them.
      { weight: 1, arbitrary: fc.record({ cork: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ uncork: fc.nat(2) }) },
      // From now on the system takes at most this many bytes of a write.
      { weight: 2, arbitrary: fc.record({ atMost: fc.constantFrom(0, 1, 700, 5_000, 1e6) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        let atMost = 1e6;
        const limited: Native["sendNow"] = (fd, data, length) =>
          native.sendNow(fd, data, Math.min(length, atMost));
        const ends = await Promise.all([setUp(limited), setUp(limited), setUp(limited)]);
        const collected = ends.map(({ far }) => collect(far));
        const sent: Buffer[][] = [[], [], []];
        for (const action of steps) {
          if (action === "turn") await turn();
          else if ("atMost" in action) atMost = action.atMost;
          else if ("cork" in action) ends[action.cork]!.near.cork();
          else if ("uncork" in action) ends[action.uncork]!.near.uncork();
          else if ("flush" in action) ends[action.flush]!.writer.flush();
          else {
            const bytes = fresh(action.size);
            seal(ends[action.to]!.writer, bytes);
            sent[action.to]!.push(bytes);
          }
        }
        for (const { writer } of ends) writer.end();
        await until(() => collected.every(({ ended }) => ended));
        for (const [index, { bytes }] of collected.entries()) {
          expect(Buffer.compare(bytes(), Buffer.concat(sent[index]!))).toBe(0);
        }
        for (const { writer, time } of ends) expect([writer.queuedBytes, time.pendingTimers]).toEqual([0, 0]);
        closeLoopbackPairs();
      }),
      { numRuns: 40 },
    );
  });
});

describe("a peer that does not read", () => {
  it("holds up what follows, and gets everything in order when it reads", async () => {
    const { writer, far, time, onStalled } = await setUp();
    const sent = await clog(writer);
    expect(time.pendingTimers).toBe(1);
    for (let count = 0; count < 10; count++) {
      const bytes = fresh(1_000 + count);
      seal(writer, bytes);
      writer.flush();
      await turn();
      sent.push(bytes);
    }
    expect(writer.queuedBytes).toBeGreaterThan(10_000);
    const collected = collect(far);
    const everything = Buffer.concat(sent);
    await until(() => collected.bytes().length === everything.length);
    expect(Buffer.compare(collected.bytes(), everything)).toBe(0);
    await until(() => writer.queuedBytes === 0);
    expect(time.pendingTimers).toBe(0);
    time.advance(defaultConnectionLimits.writeStallMs);
    expect(onStalled).not.toHaveBeenCalled();
  });

  it("gets one write at a time: what follows gathers", async () => {
    const { writer, near, far } = await setUp(() => 0);
    const write = vi.spyOn(near, "write");
    near.cork();
    for (let count = 0; count < 5; count++) {
      seal(writer, Buffer.of(count));
      writer.flush();
      await turn();
    }
    expect(write).toHaveBeenCalledTimes(1);
    near.uncork();
    const collected = collect(far);
    await until(() => collected.bytes().length === 5);
    expect([...collected.bytes()]).toEqual([0, 1, 2, 3, 4]);
    expect(write).toHaveBeenCalledTimes(2);
  });

  it("is reported when it has taken nothing for too long", async () => {
    const { writer, time, onStalled } = await setUp();
    await clog(writer);
    time.advance(defaultConnectionLimits.writeStallMs);
    expect(onStalled).toHaveBeenCalledTimes(1);
  });

  it("gets what was gathered last behind what waits in the stream, though the system would take it", async () => {
    let atMost = 3;
    const { writer, near, far } = await setUp((fd, data, length) =>
      native.sendNow(fd, data, Math.min(length, atMost)),
    );
    near.cork();
    seal(writer, Buffer.from("first "));
    writer.flush();
    atMost = 100;
    seal(writer, Buffer.from("last"));
    writer.end();
    const collected = collect(far);
    await until(() => collected.ended);
    expect(collected.bytes().toString()).toBe("first last");
  });

  it("gets what was pending when the writer ended, then the end", async () => {
    const { writer, far } = await setUp();
    const sent = await clog(writer);
    const last = fresh(500);
    seal(writer, last);
    writer.end();
    const collected = collect(far);
    await until(() => collected.ended);
    expect(Buffer.compare(collected.bytes(), Buffer.concat([...sent, last]))).toBe(0);
  });
});

describe("a socket that is gone", () => {
  it("is written to no more, though its descriptor is another connection's by then", async () => {
    const sendNow = vi.fn(native.sendNow);
    const { writer, near } = await setUp(sendNow);
    seal(writer, fresh(100));
    writer.flush();
    seal(writer, fresh(100));
    near.destroy();
    const others = await Promise.all(Array.from({ length: 4 }, () => setUp()));
    const collected = others.map(({ far }) => collect(far));
    await turn();
    seal(writer, fresh(100));
    writer.flush();
    expect(sendNow).toHaveBeenCalledTimes(1);
    for (const [index, { writer: other }] of others.entries()) seal(other, Buffer.of(index));
    await until(() => collected.every(({ bytes }) => bytes().length > 0));
    expect(collected.map(({ bytes }) => [...bytes()])).toEqual([[0], [1], [2], [3]]);
  });

  it("keeps nothing of what was gathered once the writer is stopped", async () => {
    const { writer, far } = await setUp();
    const collected = collect(far);
    seal(writer, fresh(100));
    writer.stop();
    expect(writer.queuedBytes).toBe(0);
    await turn();
    writer.end();
    await until(() => collected.ended);
    expect(collected.bytes()).toHaveLength(0);
  });

  it("reports nothing after the writer was stopped", async () => {
    const { writer, near, time, onStalled } = await setUp();
    await clog(writer);
    writer.stop();
    near.destroy();
    time.advance(defaultConnectionLimits.writeStallMs);
    expect([onStalled.mock.calls.length, time.pendingTimers]).toEqual([0, 0]);
  });
});
