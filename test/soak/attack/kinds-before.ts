import { systemRandom } from "@lode/ports";
import { common, encodeFrame } from "@lode/protocol";
import { nap } from "../wire/open-socket.ts";
import { setupFields } from "./attack-session.ts";
import type { Life } from "./life.ts";

const PATIENCE_MS = 120_000;

/** Half-open: connects and says nothing. */
export async function silent(life: Life): Promise<void> {
  const socket = await life.connect();
  if (socket !== undefined) await life.endureSocket(socket, PATIENCE_MS);
}

/** Half-open: half of act 1 and no more. */
export async function halfAct1(life: Life): Promise<void> {
  const socket = await life.connect();
  if (socket === undefined) return;
  socket.write(systemRandom(32));
  life.sent();
  await life.endureSocket(socket, PATIENCE_MS);
}

/** Connects and leaves at once, as a probe does, only that it never stops. */
export async function connectFlood(life: Life): Promise<void> {
  const socket = await life.connect();
  socket?.destroy();
  await nap(5);
}

/** 64 bytes that nobody knows a key for cost the pool a whole answer: any 64 bytes are a point. Leaves at once. */
export async function garbageAct1(life: Life): Promise<void> {
  const socket = await life.connect();
  if (socket === undefined) return;
  socket.write(systemRandom(64));
  life.sent();
  await life.endureSocket(socket, 20);
}

/** Garbage that is too long for an act 1. */
export async function longAct1(life: Life): Promise<void> {
  const socket = await life.connect();
  if (socket === undefined) return;
  socket.write(systemRandom(1_024));
  life.sent();
  await life.endureSocket(socket, 5_000);
}

/** A valid handshake and then nothing. */
export async function handshakeOnly(life: Life): Promise<void> {
  const session = await life.shake();
  if (session !== undefined) await life.endure(session, PATIENCE_MS);
}

/** SetupConnection with a wrong protocol, version or flags, again and again. */
export async function wrongSetup(life: Life): Promise<void> {
  const session = await life.shake();
  if (session === undefined) return;
  const wrong = life.deps.prng.pick([
    { protocol: 1 },
    { minVersion: 3, maxVersion: 9 },
    { flags: 0xffff_fff0 },
  ]);
  session.send(encodeFrame(common.SetupConnection, { ...setupFields, ...wrong }));
  life.sent();
  await life.endure(session, 5_000);
}

/** Set up and never a channel: patience with it is minutes, since proxies open lazily. */
export async function idleSession(life: Life): Promise<void> {
  const session = await life.setUp();
  if (session !== undefined) await life.endure(session, 900_000);
}

/** Handshake, setup, channel, gone: a farm after a power cut, for ever. Every other one leaves with a reset. */
export async function reconnectStorm(life: Life): Promise<void> {
  const session = await life.setUp();
  if (session === undefined) return;
  await session.open(life.deps.userIdentity);
  life.sent();
  if (life.deps.prng.chance(0.5)) session.connection.reset();
  else session.connection.close("done");
  await nap(10);
}
