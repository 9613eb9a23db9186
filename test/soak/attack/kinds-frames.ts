import { systemRandom } from "@lode/ports";
import { encodeFrame, extensionsNegotiation, HEADER_SIZE, mining, writeFrameHeader } from "@lode/protocol";
import { nap } from "../wire/open-socket.ts";
import type { Life } from "./life.ts";

const UNKNOWN_TYPE = 0x7e;
/** What an unknown message may weigh. */
const MAX_UNKNOWN = 65_536;
const ANY_TARGET = new Uint8Array(32).fill(0xff);

/** Declares 16 MB and sends what follows until it is cut. */
export async function giantFrame(life: Life): Promise<void> {
  const session = await life.setUp();
  if (session === undefined) return;
  const header = new Uint8Array(HEADER_SIZE);
  writeFrameHeader(header, { extensionType: 0, channelMsg: false, msgType: UNKNOWN_TYPE, length: 0 });
  header.set([0xff, 0xff, 0xff], 3);
  session.connection.sendRaw(session.connection.seal(header));
  life.sent();
  for (let piece = 0; piece < 256 && session.isOpen && !life.deps.isOver(); piece++) {
    await life.deps.budget.turn("flood");
    session.connection.sendRaw(systemRandom(65_536));
    await nap(20);
  }
  await life.endure(session, 35_000);
}

/** Frames of an unknown type, as long as they may be: all of it is received, decrypted and thrown away. */
export async function longestFrames(life: Life): Promise<void> {
  const session = await life.setUp();
  if (session === undefined) return;
  const frame = frameOf(UNKNOWN_TYPE, new Uint8Array(MAX_UNKNOWN));
  await life.flood(session, () => frame, { batch: 2 });
}

/** A frame that comes a byte a second. */
export async function trickledFrame(life: Life): Promise<void> {
  const session = await life.setUp();
  if (session === undefined) return;
  const sealed = session.connection.seal(frameOf(UNKNOWN_TYPE, systemRandom(1_000)));
  for (let at = 0; at < sealed.length && session.isOpen && !life.deps.isOver(); at++) {
    session.connection.sendRaw(sealed.subarray(at, at + 1));
    await nap(1_000);
  }
  await life.endure(session, 0);
}

/** A message of a known type that cannot be decoded. */
export async function malformed(life: Life): Promise<void> {
  const session = await life.setUp();
  if (session === undefined) return;
  session.send(frameOf(mining.SubmitSharesExtended.msgType, systemRandom(7)));
  life.sent();
  await life.endure(session, 5_000);
}

/** Small frames of an unknown type. */
export async function unknownMessages(life: Life): Promise<void> {
  const session = await life.setUp();
  if (session === undefined) return;
  const frame = frameOf(UNKNOWN_TYPE, systemRandom(8));
  await life.flood(session, () => frame, { batch: 64 });
}

/** UpdateChannel with another rate each time: every one wants another target, and a job with it. */
export async function updates(life: Life): Promise<void> {
  const session = await life.setUp();
  const channel = await session?.open(life.deps.userIdentity);
  if (session === undefined || channel === undefined) return;
  session.connection.ignoreInput();
  const frames = [1e3, 1e15, 1e9].map((nominalHashRate) =>
    encodeFrame(mining.UpdateChannel, {
      channelId: channel.channelId,
      nominalHashRate,
      maximumTarget: ANY_TARGET,
    }),
  );
  let turn = 0;
  await life.flood(session, () => frames[turn++ % frames.length]!);
}

/** RequestExtensions without end. */
export async function extensionRequests(life: Life): Promise<void> {
  const session = await life.setUp();
  if (session === undefined) return;
  session.connection.ignoreInput();
  const frame = encodeFrame(extensionsNegotiation.RequestExtensions, {
    requestId: 7,
    requestedExtensions: [2, 3, 0x4000],
  });
  await life.flood(session, () => frame);
}

function frameOf(msgType: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_SIZE + payload.length);
  writeFrameHeader(frame, { extensionType: 0, channelMsg: false, msgType, length: payload.length });
  frame.set(payload, HEADER_SIZE);
  return frame;
}
