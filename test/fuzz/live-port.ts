import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { type FrameCipher, native, sealedFrameSize } from "@lode/native";
import { systemRandom } from "@lode/ports";
import { common, encodeFrame, mining, Protocol } from "@lode/protocol";
import type { Prng } from "@lode/testing/random";
import { ACT2_SIZE, generateHandshakeKey, Initiator, loadCurve } from "@lode/transport";
import { mutate, randomBytes } from "./mutate.ts";

/** What an attack needs. */
export interface LiveDeps {
  readonly port: number;
  readonly prng: Prng;
  readonly frames: readonly Uint8Array[];
  /** A user that may open a channel. */
  readonly userIdentity: string;
  /** Called with each input, in order, before it is sent. */
  readonly onInput: (stage: string, bytes: Uint8Array) => void;
}

const MAX_PER_CONNECTION = 60;
const PATIENCE_MS = 3_000;

/** One connection to the pool that behaves badly, before, during or after its handshake. */
export async function attack(deps: LiveDeps): Promise<void> {
  const { prng, port } = deps;
  const socket = await open(port);
  if (socket === undefined) return;
  try {
    const stage = prng.weighted({ before: 2, drip: 0.2, cut: 1, inside: 8 });
    if (stage === "inside") return await insideChannel(deps, socket);
    if (stage === "before") write(deps, socket, stage, randomBytes(prng));
    else if (stage === "cut") write(deps, socket, stage, newInitiator().act1.subarray(0, prng.below(64)));
    else await drip(deps, socket);
    await pause(prng.below(20));
    if (!socket.destroyed && prng.chance(0.5)) write(deps, socket, stage, randomBytes(prng));
  } finally {
    if (prng.chance(0.5)) socket.destroy();
    else socket.end(() => socket.destroy());
  }
}

/** Sends given bytes at every stage once, as a replay does. */
export async function replayLive(deps: LiveDeps, bytes: Uint8Array): Promise<void> {
  for (const stage of ["before", "forged", "frame"] as const) {
    const socket = await open(deps.port);
    if (socket === undefined) continue;
    if (stage === "before") write(deps, socket, stage, bytes);
    else {
      const cipher = await handshake(socket);
      if (cipher === undefined) continue;
      if (stage === "forged") write(deps, socket, stage, bytes);
      else if (bytes.length >= 6) write(deps, socket, stage, seal(cipher, bytes));
    }
    await pause(100);
    socket.destroy();
  }
}

async function insideChannel(deps: LiveDeps, socket: Socket): Promise<void> {
  const { prng, frames, userIdentity } = deps;
  const cipher = await handshake(socket);
  if (cipher === undefined) return;
  if (prng.chance(0.8)) socket.write(seal(cipher, setupFrame()));
  if (prng.chance(0.6)) socket.write(seal(cipher, openFrame(userIdentity)));
  for (let count = prng.between(1, MAX_PER_CONNECTION); count > 0 && socket.writable; count--) {
    const kind = prng.weighted({ mutated: 6, valid: 3, random: 2, oversize: 0.2, forged: 0.2, cut: 0.2 });
    const frame = kind === "valid" ? prng.pick(frames) : withLength(prng, mutate(prng, prng.pick(frames)));
    if (kind === "mutated" || kind === "valid") send(deps, socket, cipher, kind, frame);
    else if (kind === "random")
      send(deps, socket, cipher, kind, withLength(prng, prng.bytes(6 + prng.below(100))));
    else if (kind === "oversize") {
      send(deps, socket, cipher, kind, Uint8Array.of(0, 0x80, prng.below(256), 0xff, 0xff, prng.below(256)));
    } else if (kind === "forged") write(deps, socket, kind, prng.bytes(22 + prng.below(200)));
    else {
      const sealed = seal(cipher, frame);
      write(deps, socket, kind, sealed.subarray(0, prng.below(sealed.length)));
      return;
    }
    // What was sent must leave, and what the pool thinks of it must come back.
    await pause(prng.chance(0.5) ? 3 : 0);
  }
  await pause(prng.below(5));
}

async function drip({ prng, onInput }: LiveDeps, socket: Socket): Promise<void> {
  const act1 = newInitiator().act1;
  onInput("drip", act1);
  for (let at = 0; at < act1.length && socket.writable; at++) {
    socket.write(act1.subarray(at, at + 1));
    await pause(prng.below(10));
  }
}

function write({ onInput }: LiveDeps, socket: Socket, stage: string, bytes: Uint8Array): void {
  onInput(stage, bytes);
  if (socket.writable) socket.write(bytes);
}

function send(
  { onInput }: LiveDeps,
  socket: Socket,
  cipher: FrameCipher,
  kind: string,
  frame: Uint8Array,
): void {
  onInput(kind, frame);
  socket.write(seal(cipher, frame));
}

/** Mostly the true length, so that a fault behind the header is reached. */
function withLength(prng: Prng, frame: Uint8Array): Uint8Array {
  const whole = frame.length >= 6 ? frame : new Uint8Array(6);
  if (prng.chance(0.95)) {
    const length = whole.length - 6;
    whole.set([length & 0xff, (length >>> 8) & 0xff, length >>> 16], 3);
  }
  return whole;
}

function seal(cipher: FrameCipher, frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(sealedFrameSize(frame.length - 6));
  cipher.sealFrame(frame, out, 0);
  return out;
}

function open(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    socket.once("connect", () => resolve(socket));
    socket.on("error", () => resolve(undefined));
    socket.on("end", () => socket.destroy());
    socket.resume();
  });
}

function newInitiator(): Initiator {
  const curve = loadCurve();
  return new Initiator(curve, generateHandshakeKey(curve, systemRandom));
}

function handshake(socket: Socket): Promise<FrameCipher | undefined> {
  return new Promise((resolve) => {
    const initiator = newInitiator();
    const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
    let received = Buffer.alloc(0);
    const take = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < ACT2_SIZE) return;
      socket.off("data", take);
      socket.resume();
      clearTimeout(timer);
      resolve(native.createCipher(initiator.readAct2(received.subarray(0, ACT2_SIZE)).sendKey));
    };
    socket.on("data", take);
    socket.once("close", () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    socket.write(initiator.act1);
  });
}

function setupFrame(): Uint8Array {
  return encodeFrame(common.SetupConnection, {
    protocol: Protocol.mining,
    minVersion: 2,
    maxVersion: 2,
    flags: 0,
    endpointHost: "127.0.0.1",
    endpointPort: 0,
    vendor: "fuzz",
    hardwareVersion: "",
    firmware: "",
    deviceId: "",
  });
}

function openFrame(userIdentity: string): Uint8Array {
  return encodeFrame(mining.OpenExtendedMiningChannel, {
    requestId: 1,
    userIdentity,
    nominalHashRate: 1e3,
    maxTarget: new Uint8Array(32).fill(0xff),
    minExtranonceSize: 8,
  });
}
