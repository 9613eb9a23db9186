import type { Clock, Histogram } from "@lode/ports";
import type { Sv1Session } from "@lode/roles";
import type { ChannelWork } from "./channel-work.ts";

/** What all miners of a proxy share. */
export interface MinerContext {
  readonly clock: Clock;
  /** Hash rate that a miner is assumed to have before anything is known, hashes per second. */
  readonly assumedHashrate: number;
  /** Shares a minute by which a suggested difficulty is read as a hash rate. */
  readonly sharesPerMinute: number;
  readonly answerSeconds: Histogram;
  /** The pool refused a session's name, for good. */
  onNameRefused(session: Sv1Session<ChannelWork>, identity: string, text: string): void;
  onNameAccepted(identity: string): void;
  onForwarded(): void;
  onAccepted(): void;
  onRejected(errorCode: string): void;
  /** Shares whose outcome nobody will learn. */
  onLost(count: number): void;
  onBlock(): void;
}
