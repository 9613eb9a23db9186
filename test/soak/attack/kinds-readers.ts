import { encodeFrame, extensionsNegotiation, mining } from "@lode/protocol";
import { nap } from "../wire/open-socket.ts";
import { type AttackSession, openFrame } from "./attack-session.ts";
import type { Life } from "./life.ts";

/** Channels that a slow reader has, so that every job is worth the trouble. */
const CHANNELS = 50;
/** Their jobs come to some 3 MB beyond what the kernel's buffers take. */
const FILLING_CHANNELS = 5_500;
const PATIENCE_MS = 300_000;

/** Answered with all of these as unsupported: the longest answer there is for its price. */
const chatty = encodeFrame(extensionsNegotiation.RequestExtensions, {
  requestId: 1,
  requestedExtensions: Array.from({ length: 500 }, (_, index) => 0x4000 + index),
});

/** Asks for long answers and never reads one. */
export async function neverReads(life: Life): Promise<void> {
  const session = await opened(life);
  if (session === undefined) return;
  session.connection.stopReading();
  await life.flood(session, () => chatty, { batch: 16, pauseMs: 5, most: 20_000 });
  await untilCut(life, session);
}

/**
 * Opens as many channels as fit just below the bound of the pool's queue, which is a proxy's good right, reads none of the
 * answers and holds on: many of these keep a lot of the pool's memory for the price of nothing.
 */
export async function holdsQueue(life: Life): Promise<void> {
  const session = await opened(life, 1);
  if (session === undefined) return;
  session.connection.stopReading();
  const open = openFrame(life.deps.userIdentity, 2);
  await life.flood(session, () => open, { batch: 25, pauseMs: 5, most: FILLING_CHANNELS });
  await untilCut(life, session);
}

/** Reads one byte a second. */
export async function readsAByteASecond(life: Life): Promise<void> {
  const session = await opened(life);
  if (session === undefined) return;
  session.connection.readOneByteASecond();
  await life.flood(session, () => chatty, { batch: 4, pauseMs: 50, most: 10_000 });
  await untilCut(life, session);
}

/** Gone without a word: a miner whose cable was pulled. Its kernel still takes what comes; nobody reads it. */
export async function vanished(life: Life): Promise<void> {
  const session = await opened(life, 1);
  if (session === undefined) return;
  session.connection.stopReading();
  await nap(PATIENCE_MS);
}

async function opened(life: Life, channels = CHANNELS): Promise<AttackSession | undefined> {
  const session = await life.setUp();
  if (session === undefined) return undefined;
  if ((await session.open(life.deps.userIdentity)) === undefined) return undefined;
  for (let count = 1; count < channels; count++) session.send(openFrame(life.deps.userIdentity, count));
  life.sent(channels);
  return session;
}

/** Who does not read learns of the end only by writing. */
async function untilCut(life: Life, session: AttackSession): Promise<void> {
  const nothing = encodeFrame(mining.CloseChannel, { channelId: 0xffff, reasonCode: "" });
  for (const deadline = performance.now() + PATIENCE_MS; session.isOpen && performance.now() < deadline; ) {
    if (life.deps.isOver()) return;
    session.send(nothing);
    await nap(1_000);
  }
  await life.endure(session, 0);
}
