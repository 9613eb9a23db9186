import type { Socket } from "node:net";
import { type Native, native, sealedFrameSize } from "@lode/native";
import { type Clock, type Logger, silentLogger, systemClock } from "@lode/ports";
import { type FrameHeader, HEADER_SIZE, writeFrameHeader } from "@lode/protocol";
import type { FrameConnection } from "../connection/frame-connection.ts";
import { FrameOpener } from "../connection/frame-opener.ts";
import { type ConnectionLimits, defaultConnectionLimits } from "../connection/limits.ts";
import { SocketConnection } from "../connection/socket-connection.ts";
import { loopbackPair } from "./loopback-pair.ts";

const TO_PEER = new Uint8Array(32).fill(1);
const TO_US = new Uint8Array(32).fill(2);

/** For tests: a frame whose payload is `length` bytes of its type. */
export function frame(msgType: number, length: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE + length).fill(msgType);
  writeFrameHeader(bytes, { extensionType: 0, channelMsg: false, msgType, length });
  return bytes;
}

/** A raw peer: seals and opens by hand, so that it can misbehave. */
class LoopbackPeer {
  readonly seen: string[] = [];
  ended = false;
  readonly socket: Socket;
  readonly #sealer = native.createCipher(TO_US);
  readonly #reader = new FrameOpener(native.createCipher(TO_PEER), () => 0xff_ffff);

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
      const fault = this.#reader.push(chunk, { deliver });
      if (fault !== null) throw new Error(fault);
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

/** How a {@link connectionOverLoopback} is made. */
export interface LoopbackSetup {
  /** For deadlines; turns of the event loop are real. */
  time: Pick<Clock, "monotonic" | "after">;
  /** In place of `time`, for several connections: those on one clock take turns. */
  clock?: Clock;
  onThrottle?: (pauseMs: number) => void;
  limits?: Partial<ConnectionLimits>;
  onFrame?: (header: FrameHeader, connection: FrameConnection) => void;
  onClose?: () => void;
  start?: boolean;
  logger?: Logger;
  native?: Native;
}

/** For tests: a connection and its peer, and what the connection's handler has seen, as `type:length`. */
export async function connectionOverLoopback(setup: LoopbackSetup) {
  const { time } = setup;
  const { near: socket, far } = await loopbackPair();
  const peer = new LoopbackPeer(far);
  const connection = new SocketConnection(
    socket,
    "127.0.0.1",
    { sendKey: TO_PEER.slice(), receiveKey: TO_US.slice() },
    {
      native: setup.native ?? native,
      clock: setup.clock ?? {
        ...systemClock,
        monotonic: () => time.monotonic(),
        after: (ms, run) => time.after(ms, run),
      },
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
  let begun = (): void => {};
  /** The first frame was seen, and its turn is over. */
  const whenBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const handler = {
    onFrame(header: FrameHeader, payload: Uint8Array): void {
      if (!payload.every((byte) => byte === header.msgType)) throw new Error("another payload was sent");
      seen.push(`${header.msgType}:${payload.length}`);
      begun();
      setup.onFrame?.(header, connection);
    },
    onClose(reason: string): void {
      closes.push(reason);
      setup.onClose?.();
      closed(reason);
    },
  };
  if (setup.start !== false) connection.start(handler);
  return { connection, socket, peer, seen, closes, whenBegun, whenClosed, handler };
}
