import { encodeFrame, MiningFlags, mining } from "@lode/protocol";
import { nap } from "../wire/open-socket.ts";
import { type AttackSession, openFrame } from "./attack-session.ts";
import type { Life } from "./life.ts";

/** More than a connection may have. */
const WANTED = 12_000;
const HELD_MS = 600_000;

/** Opens channels as long as it is let, and keeps them. */
export async function hoardsChannels(life: Life): Promise<void> {
  const session = await life.setUp();
  if (session !== undefined) await hoard(life, session, openFrame(life.deps.userIdentity, 1));
}

/** The same with standard jobs: there is no group then, and every channel needs a job of its own at every tip. */
export async function hoardsStandardChannels(life: Life): Promise<void> {
  const session = await life.setUp(MiningFlags.requiresStandardJobs);
  if (session === undefined) return;
  const open = encodeFrame(mining.OpenStandardMiningChannel, {
    requestId: 1,
    userIdentity: life.deps.userIdentity,
    nominalHashRate: 1e3,
    maxTarget: new Uint8Array(32).fill(0xff),
  });
  await hoard(life, session, open);
}

async function hoard(life: Life, session: AttackSession, open: Uint8Array): Promise<void> {
  session.connection.ignoreInput();
  await life.flood(session, () => open, { batch: 50, most: WANTED, pauseMs: 20 });
  if (session.isOpen) await life.endure(session, HELD_MS);
}

/** Opens a channel and closes it, again and again. */
export async function churnsChannels(life: Life): Promise<void> {
  const session = await life.setUp();
  const first = await session?.open(life.deps.userIdentity);
  if (session === undefined || first === undefined) return;
  session.connection.ignoreInput();
  let [turn, channelId] = [0, first.channelId];
  await life.flood(session, () =>
    turn++ % 2 === 0
      ? encodeFrame(mining.CloseChannel, { channelId: channelId++, reasonCode: "churn" })
      : openFrame(life.deps.userIdentity, turn),
  );
  await nap(10);
}
