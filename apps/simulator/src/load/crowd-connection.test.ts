import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { native, sealedFrameSize } from "@lode/native";
import { encodeFrame, mining } from "@lode/protocol";
import { describe, expect, it } from "vitest";
import { CrowdConnection } from "./crowd-connection.ts";

/** What a connection uses of a socket. */
class FakeSocket extends EventEmitter {
  readonly remoteAddress = "127.0.0.1";
  readonly writableLength = 0;
  readonly written: Buffer[] = [];
  write(bytes: Buffer): boolean {
    this.written.push(bytes);
    return true;
  }
  end(): void {}
  destroy(): void {
    this.emit("close");
  }
}

const up = new Uint8Array(32).fill(1);
const down = new Uint8Array(32).fill(2);

function connect() {
  const socket = new FakeSocket();
  const keys = { sendKey: up.slice(), receiveKey: down.slice() };
  const connection = new CrowdConnection(socket as unknown as Socket, keys, native);
  const frames: [number, string][] = [];
  const ends: string[] = [];
  const handler = {
    onFrame: (header: { msgType: number }, payload: Uint8Array) =>
      frames.push([header.msgType, Buffer.from(payload).toString("hex")]),
    onClose: (reason: string) => ends.push(reason),
  };
  return { socket, connection, frames, ends, handler };
}

const messages = [0, 3, 3_000].map((length) =>
  length === 0
    ? Uint8Array.of(0, 0, 0x7f, 0, 0, 0)
    : Uint8Array.of(0, 0, 0x7f, length, length >>> 8, 0, ...new Uint8Array(length).fill(length)),
);

/** The frames sealed one after another, as the server would. */
function sealed(frames: readonly Uint8Array[]): Buffer {
  const cipher = native.createCipher(down);
  return Buffer.concat(
    frames.map((frame) => {
      const out = new Uint8Array(sealedFrameSize(frame.length - 6));
      cipher.sealFrame(frame, out, 0);
      return out;
    }),
  );
}

describe("a crowd's connection", () => {
  it.each([1, 7, 22, 23, 1_000, 10_000])("reads frames that come in pieces of %i bytes", (size) => {
    const { connection, frames, handler } = connect();
    connection.start(handler);
    const bytes = sealed(messages);
    const shared = Buffer.alloc(size);
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.subarray(at, at + size);
      shared.fill(0).set(piece); // like a socket's buffer, which the next piece overwrites
      connection.take(shared, piece.length);
    }
    expect(frames.map(([, payload]) => payload.length / 2)).toEqual([0, 3, 3_000]);
    expect(new Set(frames.map(([msgType]) => msgType))).toEqual(new Set([0x7f]));
  });

  it("keeps what comes before anybody listens", async () => {
    const { connection, frames, handler } = connect();
    const bytes = sealed(messages);
    connection.take(bytes, bytes.length);
    connection.start(handler);
    await new Promise(setImmediate);
    expect(frames).toHaveLength(3);
  });

  it("ends on bytes that the server did not seal", () => {
    const { connection, frames, ends, handler } = connect();
    connection.start(handler);
    connection.take(Buffer.alloc(100, 7), 100);
    expect([frames, ends]).toEqual([[], ["forged-header"]]);
  });

  it("writes what was sent in a turn together, and that of several connections apart", async () => {
    const [a, b] = [connect(), connect()];
    const frame = encodeFrame(mining.CloseChannel, { channelId: 2, reasonCode: "done" });
    a.connection.send(frame);
    a.connection.send(frame);
    b.connection.send(frame);
    await new Promise(setImmediate);
    const size = sealedFrameSize(frame.length - 6);
    expect(a.socket.written.map(({ length }) => length)).toEqual([2 * size]);
    expect(b.socket.written.map(({ length }) => length)).toEqual([size]);
    const opened = new Uint8Array(6);
    expect(native.createCipher(up).openHeader(a.socket.written[0]!, 0, opened)).toBe(true);
    expect(opened).toEqual(frame.subarray(0, 6));
  });
});
