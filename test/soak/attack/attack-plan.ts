import {
  connectFlood,
  garbageAct1,
  halfAct1,
  handshakeOnly,
  idleSession,
  longAct1,
  reconnectStorm,
  silent,
  wrongSetup,
} from "./kinds-before.ts";
import { churnsChannels, hoardsChannels, hoardsStandardChannels } from "./kinds-channels.ts";
import {
  extensionRequests,
  giantFrame,
  longestFrames,
  malformed,
  trickledFrame,
  unknownMessages,
  updates,
} from "./kinds-frames.ts";
import { holdsQueue, neverReads, readsAByteASecond, vanished } from "./kinds-readers.ts";
import {
  duplicates,
  garbageExtranonces,
  goodShares,
  staleShares,
  tooEasyShares,
  unknownChannels,
  unknownJobs,
} from "./kinds-shares.ts";
import type { Life } from "./life.ts";

/** One kind of attack. */
export interface AttackKind {
  readonly name: string;
  /** Attackers of this kind at a time, at full strength. */
  readonly actors: number;
  /** It ends in a strike, and after some of them in a ban: this kind has thousands of addresses to come from. */
  readonly banned?: true;
  readonly run: (life: Life) => Promise<void>;
}

/** Everything that is done to the pool, all at once. */
export const attackKinds: readonly AttackKind[] = [
  { name: "silent", actors: 3_000, run: silent },
  { name: "half-act1", actors: 1_500, run: halfAct1 },
  { name: "connect-flood", actors: 5, run: connectFlood },
  { name: "garbage-act1", actors: 20, run: garbageAct1 },
  { name: "long-act1", actors: 4, run: longAct1 },
  { name: "handshake-only", actors: 300, run: handshakeOnly },
  { name: "wrong-setup", actors: 6, run: wrongSetup },
  { name: "idle-session", actors: 500, run: idleSession },
  { name: "reconnect-storm", actors: 8, run: reconnectStorm },
  { name: "never-reads", actors: 20, run: neverReads },
  { name: "holds-queue", actors: 20, banned: true, run: holdsQueue },
  { name: "byte-a-second", actors: 20, run: readsAByteASecond },
  { name: "vanished", actors: 100, run: vanished },
  { name: "channel-hoard", actors: 25, banned: true, run: hoardsChannels },
  { name: "standard-hoard", actors: 5, banned: true, run: hoardsStandardChannels },
  { name: "channel-churn", actors: 3, banned: true, run: churnsChannels },
  { name: "duplicate-shares", actors: 3, banned: true, run: duplicates },
  { name: "stale-shares", actors: 3, banned: true, run: staleShares },
  { name: "garbage-extranonces", actors: 3, banned: true, run: garbageExtranonces },
  { name: "unknown-jobs", actors: 3, banned: true, run: unknownJobs },
  { name: "unknown-channels", actors: 3, banned: true, run: unknownChannels },
  { name: "too-easy-shares", actors: 3, banned: true, run: tooEasyShares },
  { name: "good-shares", actors: 3, banned: true, run: goodShares },
  { name: "giant-frames", actors: 4, banned: true, run: giantFrame },
  { name: "longest-frames", actors: 2, banned: true, run: longestFrames },
  { name: "trickled-frames", actors: 50, run: trickledFrame },
  { name: "malformed", actors: 3, banned: true, run: malformed },
  { name: "unknown-messages", actors: 3, banned: true, run: unknownMessages },
  { name: "updates", actors: 3, banned: true, run: updates },
  { name: "extension-requests", actors: 3, banned: true, run: extensionRequests },
];
